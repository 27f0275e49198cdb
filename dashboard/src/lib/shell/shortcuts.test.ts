import { expect, test } from 'vitest';
import { shortcuts } from './shortcuts.svelte';

function press(key: string, time: number, more: Partial<KeyboardEvent> = {}) {
  return shortcuts.press({ key, target: null, ...more } as KeyboardEvent, time);
}

test('keys and chords do what they say, the latest meaning first', () => {
  const done: string[] = [];
  const keys = ['g o', 'o', '?', '?'];
  shortcuts.list = keys.map((key, index) => ({
    keys: key,
    title: key,
    run: () => done.push(`${key}${index}`),
  }));
  expect(press('g', 0)).toBe(false);
  expect(press('o', 500)).toBe(true);
  press('?', 600);
  // Too late for a chord.
  press('g', 1000);
  press('o', 3000);
  // Not ours.
  press('?', 3100, { ctrlKey: true });
  press('Escape', 3200);
  expect(done).toEqual(['g o0', '?3', 'o1']);
});
