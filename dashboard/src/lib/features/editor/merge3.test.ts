import { describe, expect, test } from 'vitest';
import { changes } from './lines';
import { merge, merged } from './merge3';

const text = (...lines: string[]) => lines.join('\n');
const conflicts = (base: string, mine: string, theirs: string) =>
  merge(base, mine, theirs).filter((part) => part.kind === 'conflict');

/** Numbers that look random and are the same every time. */
function* numbers(seed: number) {
  let state = seed;
  while (true) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield state;
  }
}

describe('what changed', () => {
  test('leads from one text to the other, whatever they are', () => {
    const random = numbers(7);
    const next = (most: number) => (random.next().value as number) % most;
    for (let round = 0; round < 500; round += 1) {
      const a = Array.from({ length: next(12) }, () => 'abc'.charAt(next(3)));
      const b = Array.from({ length: next(12) }, () => 'abc'.charAt(next(3)));
      const made: string[] = [];
      let at = 0;
      for (const change of changes(a, b)) {
        made.push(...a.slice(at, change.fromA), ...b.slice(change.fromB, change.toB));
        at = change.toA;
      }
      expect([...made, ...a.slice(at)]).toEqual(b);
    }
  });
  test('is found in texts of the largest size', () => {
    const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
    const other = lines.map((line, index) => (index % 1000 === 5 ? 'new' : line));
    expect(changes(lines, other)).toHaveLength(100);
    expect(
      changes(
        lines,
        lines.map((line) => `${line}!`),
      ),
    ).toHaveLength(1);
  });
});

describe('a merge', () => {
  test('takes what each did in places of its own', () => {
    const base = text('a', 'b', 'c', 'd', 'e');
    const parts = merge(base, text('A', 'b', 'c', 'd', 'e'), text('a', 'b', 'c', 'd', 'e', 'f'));
    expect(conflicts(base, text('A', 'b', 'c', 'd', 'e'), text('a', 'b', 'c', 'd', 'e', 'f'))).toEqual([]);
    expect(merged(parts, [])).toBe(text('A', 'b', 'c', 'd', 'e', 'f'));
  });
  test('takes once what both did', () => {
    expect(merged(merge('a\nb', 'a\nX', 'a\nX'), [])).toBe('a\nX');
    expect(merged(merge('a\nb\nc', 'a\nc', 'a\nc'), [])).toBe('a\nc');
  });
  test('asks where both changed the same line in different ways', () => {
    const parts = merge(text('a', 'b', 'c'), text('a', 'mine', 'c'), text('a', 'theirs', 'c'));
    expect(parts.filter((part) => part.kind === 'conflict')).toEqual([
      { kind: 'conflict', base: ['b'], mine: ['mine'], theirs: ['theirs'] },
    ]);
    expect(merged(parts, ['mine'])).toBe(text('a', 'mine', 'c'));
    expect(merged(parts, ['theirs'])).toBe(text('a', 'theirs', 'c'));
    expect(merged(parts, ['both'])).toBe(text('a', 'theirs', 'mine', 'c'));
  });
  test('asks where one changed what the other took away, and where both added at one place', () => {
    expect(conflicts(text('a', 'b', 'c'), text('a', 'c'), text('a', 'B', 'c'))).toHaveLength(1);
    expect(conflicts(text('a', 'c'), text('a', '1', 'c'), text('a', '2', 'c'))).toHaveLength(1);
  });
  test('keeps a text when the other is as it was', () => {
    const random = numbers(11);
    const next = (most: number) => (random.next().value as number) % most;
    const some = () => Array.from({ length: next(10) }, () => 'abcd'.charAt(next(4))).join('\n');
    for (let round = 0; round < 500; round += 1) {
      const [base, mine] = [some(), some()];
      expect(merged(merge(base, mine, base), [])).toBe(mine);
      expect(merged(merge(base, base, mine), [])).toBe(mine);
      expect(merged(merge(base, mine, mine), [])).toBe(mine);
    }
  });
  test('never shows more of a side than it has, and loses nothing of mine that they left alone', () => {
    const random = numbers(13);
    const next = (most: number) => (random.next().value as number) % most;
    const some = () => Array.from({ length: next(8) }, () => 'ab'.charAt(next(2)));
    for (let round = 0; round < 500; round += 1) {
      const [base, mine, theirs] = [some(), some(), some()].map((lines) => lines.join('\n')) as [
        string,
        string,
        string,
      ];
      const parts = merge(base, mine, theirs);
      const shown = parts.flatMap((part) => {
        if (part.kind === 'conflict') return part.mine;
        return part.from === 'theirs' ? [] : part.lines;
      });
      const left = mine.split('\n');
      // What is shown as mine stands in mine, in this order.
      let at = 0;
      for (const line of shown) {
        at = left.indexOf(line, at) + 1;
        expect(at).toBeGreaterThan(0);
      }
    }
  });
});
