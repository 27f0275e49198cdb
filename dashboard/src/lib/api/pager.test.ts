import { describe, expect, test } from 'vitest';
import { all, each } from './all';
import { Pager, type Page } from './pager.svelte';

const pages: Record<string, Page<number>> = {
  a: { items: [3, 4], next_cursor: 'b' },
  b: { items: [5], next_cursor: null },
};

describe('a pager', () => {
  test('gets page after page', async () => {
    const asked: string[] = [];
    const pager = new Pager({ items: [1, 2], next_cursor: 'a' }, async (cursor) => {
      asked.push(cursor);
      return pages[cursor] as Page<number>;
    });
    // Two at once are one.
    await Promise.all([pager.next(), pager.next()]);
    await pager.next();
    await pager.next();
    expect(pager.items).toEqual([1, 2, 3, 4, 5]);
    expect(asked).toEqual(['a', 'b']);
    expect(pager.more).toBe(false);
  });

  test('keeps what it has when a page fails, and goes on from there', async () => {
    let broken = true;
    const pager = new Pager({ items: [1], next_cursor: 'b' }, async (cursor) => {
      if (broken) throw new Error('away');
      return pages[cursor] as Page<number>;
    });
    await pager.next();
    expect(pager.problem?.detail).toBe('away');
    broken = false;
    await pager.next();
    expect(pager.items).toEqual([1, 5]);
    expect(pager.problem).toBeNull();
  });

  test('that starts again leaves out the page that is under way', async () => {
    let arrive = (_: Page<number>) => {};
    const pager = new Pager({ items: [1], next_cursor: 'a' }, () => new Promise((done) => (arrive = done)));
    const under = pager.next();
    pager.restart({ items: [9], next_cursor: 'z' });
    arrive({ items: [2], next_cursor: null });
    await under;
    expect(pager.items).toEqual([9]);
    expect([pager.more, pager.loading]).toEqual([true, false]);
  });
});

describe('short lists', () => {
  test('are fetched whole, up to a bound', async () => {
    const fetch = async (cursor: string | undefined) => pages[cursor ?? 'a'] as Page<number>;
    expect(await all(fetch, 10)).toEqual({ items: [3, 4, 5], more: false });
    expect(await all(fetch, 2)).toEqual({ items: [3, 4], more: true });
  });

  test('of calls run few at once and keep their order', async () => {
    let [running, most] = [0, 0];
    const results = await each([5, 1, 4, 2, 3], 2, async (item) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < item; turn++) await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });
});
