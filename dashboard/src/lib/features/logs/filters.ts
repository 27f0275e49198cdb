import { timeOf } from '$lib/features/runs/query';
import { LEVELS, type Entry } from './rows';

/** Filters of a log view, as its address has them. */
export interface LogFilters {
  script: string;
  level: string;
  q: string;
  since: string;
  until: string;
}

export function readFilters(query: URLSearchParams): LogFilters {
  const value = (name: keyof LogFilters) => query.get(name)?.trim() ?? '';
  // Spaces count in what is looked for.
  return {
    script: value('script'),
    level: value('level'),
    q: query.get('q') ?? '',
    since: value('since'),
    until: value('until'),
  };
}

export function isFiltered(filters: LogFilters): boolean {
  return Object.values(filters).some((value) => value !== '');
}

/** The same filters for `listLogs`. */
export function logQuery({ script, level, q, since, until }: LogFilters, now: number) {
  const [from, before] = [timeOf(since, now), timeOf(until, now)];
  return {
    ...(script && { script }),
    ...(level && { level }),
    ...(q && { q }),
    ...(from !== undefined && { since: from }),
    ...(before !== undefined && { until: before }),
  };
}

/** What follows `tailLogs`: the server filters by script and level, `matches` by the text. */
export function tailUrl(app: string, { script, level }: LogFilters): string {
  const query = new URLSearchParams({ ...(script && { script }), ...(level && { level }) }).toString();
  return `/api/v1/apps/${encodeURIComponent(app)}/logs/tail${query && `?${query}`}`;
}

/** Whether a line has the text, as the server looks for it: case counts. */
export function matches(entry: Entry, { q }: LogFilters): boolean {
  return q === '' || entry.message.includes(q);
}

/** The command that shows the same. */
export function logCommand(app: string, { script, level, q, since }: LogFilters, follow: boolean): string {
  const plain = /^[\w:.-]+$/;
  const parts = [
    'pic logs',
    plain.test(script) && script,
    follow && '-f',
    (LEVELS as readonly string[]).includes(level) && `--level ${level}`,
    plain.test(since) && `--since ${since}`,
    q && `--grep ${quoted(q)}`,
    `-a ${app}`,
  ];
  return parts.filter(Boolean).join(' ');
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w:.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
