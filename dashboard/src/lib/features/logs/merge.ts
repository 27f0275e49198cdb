import type { Entry, Row } from './rows';

const HEAD = 200;

/** Lines have no ids: what tells one from others. The same line may have been logged several times. */
function sameness(app: string, { execution, at, level, message, fields }: Entry): string {
  const more = fields ? JSON.stringify(fields).slice(0, HEAD) : '';
  return `${app}|${execution}|${at}|${level}|${message.length}|${message.slice(0, HEAD)}|${more}`;
}

/** Rows of lines of one answer. Equal lines are numbered, so that the key of each is its own. */
export function rowsOf(app: string, entries: readonly Entry[]): Row[] {
  const seen = new Map<string, number>();
  return entries.map((entry) => {
    const same = sameness(app, entry);
    const number = (seen.get(same) ?? 0) + 1;
    seen.set(same, number);
    return { key: `${same}#${number}`, app, entry };
  });
}

function timeOf(row: Row): string {
  return 'entry' in row ? row.entry.at : row.at;
}

/** Newest first. Lines of one moment stay in the order they came in. */
function byTime(one: Row, two: Row): number {
  const [a, b] = [timeOf(one), timeOf(two)];
  // Microseconds are in the text only.
  return Date.parse(b) - Date.parse(a) || (a.length === b.length ? (a < b ? 1 : a > b ? -1 : 0) : 0);
}

/** Both, newest first; what is in both is there once. `fresh` stands before what is as old. */
export function merged(known: readonly Row[], fresh: readonly Row[]): Row[] {
  const keys = new Set(known.map((row) => row.key));
  const added = fresh.filter((row) => !keys.has(row.key));
  return added.length === 0 ? (known as Row[]) : [...added, ...known].sort(byTime);
}

/** The rows down to where every app is known: below, lines of apps whose older pages are not there are missing. */
export function knownDownTo(rows: readonly Row[], oldest: readonly string[]): Row[] {
  if (oldest.length === 0) return rows as Row[];
  const floor = Math.max(...oldest.map((at) => Date.parse(at)));
  return rows.filter((row) => Date.parse(timeOf(row)) >= floor);
}
