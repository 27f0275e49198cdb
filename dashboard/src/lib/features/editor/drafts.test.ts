import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { draftOf, dropDraft, keepDraft, type Place } from './drafts';

/** A storage with room for so many characters. */
function storage(room: number) {
  const data: Record<string, string> = {};
  const used = () => Object.values(data).reduce((sum, value) => sum + value.length, 0);
  const methods = {
    getItem: (key: string) => data[key] ?? null,
    removeItem: (key: string) => void delete data[key],
    setItem: (key: string, value: string) => {
      if (used() - (data[key]?.length ?? 0) + value.length > room) throw new Error('full');
      data[key] = value;
    },
  };
  return new Proxy(methods, {
    ownKeys: () => Object.keys(data),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  });
}

const place = (name: string): Place => ({ app: 'shop', kind: 'script', name });
const draft = (source: string, minute = 0) => ({
  source,
  base: 'b',
  release: 3,
  at: `2026-11-27T12:${String(minute).padStart(2, '0')}:00Z`,
});

beforeEach(() => vi.stubGlobal('localStorage', storage(10_000)));
afterEach(() => vi.unstubAllGlobals());

test('a draft is kept, found again and dropped', () => {
  expect(draftOf(place('a'))).toBeNull();
  expect(keepDraft(place('a'), draft('x'))).toBe(true);
  expect(draftOf(place('a'))).toEqual(draft('x'));
  expect(draftOf({ ...place('a'), kind: 'module' })).toBeNull();
  dropDraft(place('a'));
  expect(draftOf(place('a'))).toBeNull();
});

test('the oldest make room', () => {
  for (let minute = 0; minute < 55; minute += 1) keepDraft(place(`s${minute}`), draft('x', minute));
  expect(draftOf(place('s0'))).toBeNull();
  expect(draftOf(place('s54'))).not.toBeNull();
  expect(keepDraft(place('large'), draft('x'.repeat(8_000), 59))).toBe(true);
  expect(draftOf(place('large'))).not.toBeNull();
});

test('without room or storage it says so', () => {
  expect(keepDraft(place('huge'), draft('x'.repeat(20_000)))).toBe(false);
  vi.stubGlobal('localStorage', undefined);
  expect(keepDraft(place('a'), draft('x'))).toBe(false);
  expect(draftOf(place('a'))).toBeNull();
  expect(() => dropDraft(place('a'))).not.toThrow();
});

test('what is no draft is none', () => {
  for (const odd of ['', 'null', '[]', '{"source":1}', '{']) {
    localStorage.setItem('picloud.draft.shop/script/a', odd);
    expect(draftOf(place('a'))).toBeNull();
  }
});
