import type { Page } from './pager.svelte';

/** All items of a list that is short by nature; stops after `most` and says whether there are more. */
export async function all<T>(
  fetch: (cursor: string | undefined) => Promise<Page<T>>,
  most: number,
): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await fetch(cursor);
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && items.length < most);
  return { items: items.slice(0, most), more: cursor !== undefined || items.length > most };
}

/** Like `Promise.all` over calls, with at most `width` under way. The order stays. */
export async function each<T, R>(
  from: readonly T[],
  width: number,
  call: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(from.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < from.length; index = next++) {
      results[index] = await call(from[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, from.length) }, worker));
  return results;
}
