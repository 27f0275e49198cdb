import { EditorState, Text } from '@codemirror/state';
import { expect, test } from 'vitest';
import { lineEndOf, placeOf, rangeAt, rangeOf, sameLines } from './places';

const doc = Text.of(['let a = 1;', '🦀🦀 foo(x)', '']);
const found = (script: string, line: number, column: number) =>
  ({ severity: 'error', script, line, column, message: 'm' }) as const;

test('places are counted in characters, as the server counts', () => {
  expect(rangeAt(doc, 1, 5)).toEqual({ from: 4, to: 5 });
  const crab = rangeAt(doc, 2, 4);
  expect(doc.sliceString(crab.from, crab.to)).toBe('foo');
  expect(placeOf(doc, crab.from)).toEqual({ line: 2, column: 4 });
});

test('places that are not there lead to the nearest', () => {
  expect(rangeAt(doc, 0, 0)).toEqual({ from: 0, to: 10 });
  expect(rangeAt(doc, 99, 99)).toEqual({ from: doc.length, to: doc.length });
  expect(rangeAt(doc, 1, 99)).toEqual({ from: 10, to: 10 });
});

test('a finding about another script has no place here', () => {
  expect(rangeOf(doc, found('other', 1, 1), 'mine')).toBeNull();
  expect(rangeOf(doc, found('mine', 1, 1), 'mine')).toEqual({ from: 0, to: 3 });
});

test('no source is changed by being edited, whatever ends its lines', () => {
  for (const source of [
    '',
    'a',
    'a\nb\n',
    'a\r\nb\r\n',
    'a\r\nb\nc',
    '\n\r\n',
    'a\rb',
    '\r\n',
    '\r',
    '\ufeffa\u2028b\n',
  ]) {
    const separator = EditorState.lineSeparator.of(lineEndOf(source));
    expect(EditorState.create({ doc: source, extensions: separator }).sliceDoc()).toBe(source);
  }
  expect(sameLines('a\r\nb', 'a\nb')).toBe(true);
  expect(sameLines('a\r\nb', 'a\nc')).toBe(false);
});
