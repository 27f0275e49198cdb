import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Problem } from '$lib/api/problem';
import { draftOf, keepDraft, type Place } from './drafts';
import { Diverged, Work, type Live } from './work.svelte';

const calls = vi.hoisted(() => ({ deploy: vi.fn(), planOf: vi.fn() }));
vi.mock('$lib/features/releases/plan', () => calls);

const place: Place = { app: 'shop', kind: 'script', name: 'orders' };
const moved = new Problem({
  title: 'It changed meanwhile',
  detail: '',
  code: 'precondition_failed',
  status: 412,
});

/** A server where one source is live; what others deploy is set from outside. */
function server(live: Live) {
  calls.deploy.mockImplementation(
    async (_app: string, base: number, request: { scripts: typeof sources }) => {
      if (base !== live.release) throw moved;
      live = { source: request.scripts.orders?.source ?? '', release: live.release + 1 };
      return { release: { number: live.release }, plan: [], urls: [], diagnostics: [] };
    },
  );
  return { get: async () => live, set: (next: Live) => (live = next) };
}
const sources: Record<string, { source: string }> = {};

beforeEach(() => {
  const data = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => data.get(key) ?? null,
    setItem: (key: string, value: string) => data.set(key, value),
    removeItem: (key: string) => data.delete(key),
  });
});
afterEach(() => vi.unstubAllGlobals());

describe('work on a source', () => {
  test('goes on where it was left', () => {
    const live = { source: 'a', release: 3 };
    keepDraft(place, { source: 'mine', base: 'a', release: 2, at: '2026-11-27T12:00:00Z' });
    const work = new Work(place, live, async () => live);
    expect([work.source, work.changed, work.conflict, work.base.release]).toEqual(['mine', true, null, 3]);
    work.discard();
    expect([work.source, work.changed, draftOf(place)]).toEqual(['a', false, null]);
  });

  test('knows at once that another version is live than its draft came from', () => {
    const live = { source: 'theirs', release: 3 };
    keepDraft(place, { source: 'mine', base: 'a', release: 2, at: '2026-11-27T12:00:00Z' });
    const work = new Work(place, live, async () => live);
    expect(work.conflict).toEqual({ base: 'a', theirs: live });
    work.resolve('merged');
    expect([work.source, work.base, work.conflict]).toEqual(['merged', live, null]);
    expect(draftOf(place)?.base).toBe('theirs');
  });

  test('is deployed, and its draft is done', async () => {
    const there = server({ source: 'a', release: 3 });
    const work = new Work(place, await there.get(), there.get);
    work.source = 'mine';
    work.keep();
    await work.deploy('why');
    expect([work.changed, work.base.release, draftOf(place)]).toEqual([false, 4, null]);
  });

  test('is deployed although others deployed something else', async () => {
    const there = server({ source: 'a', release: 3 });
    const work = new Work(place, await there.get(), there.get);
    work.source = 'mine';
    there.set({ source: 'a', release: 8 });
    await work.deploy('');
    expect(work.base).toEqual({ source: 'mine', release: 9 });
  });

  test('is not laid over what somebody else made of the same source', async () => {
    const there = server({ source: 'a', release: 3 });
    const work = new Work(place, await there.get(), there.get);
    work.source = 'mine';
    there.set({ source: 'theirs', release: 4 });
    await expect(work.deploy('')).rejects.toThrow(Diverged);
    expect(work.conflict).toEqual({ base: 'a', theirs: { source: 'theirs', release: 4 } });
    expect(await there.get()).toEqual({ source: 'theirs', release: 4 });
    work.resolve('both');
    await work.deploy('');
    expect(await there.get()).toEqual({ source: 'both', release: 5 });
  });
});
