import type { Page } from '$lib/api/pager.svelte';
import type { Entry } from './rows';

/** So many lines of each app are downloaded at most. */
export const MOST_LINES = 50_000;

/** The stored lines as NDJSON, oldest first; `tell` hears how many are there. Whether it is all of them. */
export async function collect(
  apps: readonly string[],
  fetch: (app: string, cursor: string | undefined) => Promise<Page<Entry>>,
  tell: (lines: number) => void,
  signal: AbortSignal,
): Promise<{ lines: string[]; whole: boolean }> {
  const found: { at: string; line: string }[] = [];
  let whole = true;
  for (const app of apps) {
    let cursor: string | undefined;
    let own = 0;
    do {
      signal.throwIfAborted();
      const page = await fetch(app, cursor);
      own += page.items.length;
      for (const entry of page.items) found.push({ at: entry.at, line: JSON.stringify({ app, ...entry }) });
      tell(found.length);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && own < MOST_LINES);
    whole &&= cursor === undefined;
  }
  // Each app's come newest first; turned around, lines of one moment keep their order.
  found.reverse().sort((one, two) => Date.parse(one.at) - Date.parse(two.at));
  return { lines: found.map(({ line }) => line), whole };
}

/** Gives lines to the browser as a file. */
export function save(lines: readonly string[], name: string): void {
  const blob = new Blob(
    lines.map((line) => `${line}\n`),
    { type: 'application/x-ndjson' },
  );
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
