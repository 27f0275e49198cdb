import { expect, test } from 'vitest';
import { pairOf } from './pair';

const versions = [5, 4, 2].map((version) => ({ version, active: version === 4 }));
const pair = (query: string, list = versions) => pairOf(new URLSearchParams(query), list);

test('the live version is compared with the one before it, unless the address says otherwise', () => {
  expect(pair('')).toEqual({ from: 2, to: 4 });
  expect(pair('to=5')).toEqual({ from: 4, to: 5 });
  expect(pair('from=5&to=2')).toEqual({ from: 5, to: 2 });
  expect(pair('from=x&to=-1')).toEqual({ from: 2, to: 4 });
});

test('a single version is compared with itself, and none with nothing', () => {
  expect(pair('', [{ version: 1, active: true }])).toEqual({ from: 1, to: 1 });
  expect(pair('', [])).toBeNull();
});
