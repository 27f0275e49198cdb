import { describe, expect, test } from 'vitest';
import { bytes, count, duration } from './quantities';
import { clipped, visible } from './text';
import { exact, relative } from './time';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [32 * 1024 * 1024, '32 MiB'],
  [5e15, '4547.5 TiB'],
])('%d bytes read %s', (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [-5, '0 ms'],
  [0.048, '0.05 ms'],
  [12.4, '12 ms'],
  [999.7, '1 s'],
  [1500, '1.5 s'],
  [59_999, '1 min'],
  [125_000, '2 min 5 s'],
  [3_600_000, '1 h'],
  [90_000_000, '1 d 1 h'],
])('%d milliseconds read %s', (value, text) => expect(duration(value)).toBe(text));

test('large numbers have groups', () => expect(count(1234567)).toBe('1,234,567'));

describe('times', () => {
  const now = new Date('2026-11-27T12:00:00Z');
  test.each([
    ['2026-11-27T11:59:55Z', 'just now'],
    ['2026-11-27T12:00:05Z', 'now'],
    ['2026-11-27T11:59:30Z', '30 s ago'],
    ['2026-11-27T11:55:00Z', '5 min ago'],
    ['2026-11-27T15:00:00Z', 'in 3 h'],
    ['2026-11-01T12:00:00Z', '26 d ago'],
  ])('%s is %s', (at, text) => expect(relative(new Date(at), now)).toBe(text));

  test('are exact in a zone that is named', () => {
    expect(exact(now, 'Europe/Berlin')).toBe('27 Nov 2026, 13:00:00 CET');
  });
});

describe('a hostile text', () => {
  test.each([
    ['a\u0000b', 'a␀b'],
    ['a\u001b[31mb', 'a␛[31mb'],
    ['\u202egnp.exe', '⟨202E⟩gnp.exe'],
    ['zero\u200bwidth', 'zero⟨200B⟩width'],
    ['\ud800', '⟨D800⟩'],
    ['x\u{e0041}', 'x⟨E0041⟩'],
    ['\u{1f468}\u200d\u{1f469}', '\u{1f468}\u200d\u{1f469}'],
    ['שלום <b>', 'שלום <b>'],
    ['a\nb', 'a␊b'],
  ])('%j is shown as %s', (text, shown) => expect(visible(text)).toBe(shown));

  test('keeps its lines where lines are shown', () => expect(visible('a\n\tb\r', true)).toBe('a\n\tb␍'));

  test('is cut between characters', () => {
    expect(clipped('abc', 3)).toEqual({ text: 'abc', left: 0 });
    expect(clipped('ab\u{1f600}c', 3)).toEqual({ text: 'ab', left: 3 });
  });
});
