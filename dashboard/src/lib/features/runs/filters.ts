import { timeOf } from './query';
import type { Schemas } from '$lib/api/client';

/** Every way in which a run ends, and what it means. */
export const OUTCOMES: Record<Schemas['Execution']['outcome'], string> = {
  ok: 'ended well',
  runtime: 'an operation failed',
  thrown: 'the script threw',
  limit: 'a limit was exceeded',
  host: 'a call of a service failed',
  compile: 'the source does not compile',
  cancelled: 'the client left, or the server stopped',
  overloaded: 'the server had no room',
  suspended: 'the app is suspended',
  internal: 'a defect of the platform',
};

/** Filters of the list of runs, as its address has them. */
export interface RunFilters {
  script: string;
  outcome: string;
  status: string;
  since: string;
  until: string;
  event: string;
  root: string;
}

export function readFilters(query: URLSearchParams): RunFilters {
  const value = (name: keyof RunFilters) => query.get(name)?.trim() ?? '';
  return {
    script: value('script'),
    outcome: value('outcome'),
    status: value('status'),
    since: value('since'),
    until: value('until'),
    event: value('event'),
    root: value('root'),
  };
}

/** Whether anything is filtered. */
export function isFiltered(filters: RunFilters): boolean {
  return Object.values(filters).some((value) => value !== '');
}

/** The same filters for `listExecutions`. What the server does not take, it refuses, and says so. */
export function runQuery(filters: RunFilters, now: number) {
  const { script, outcome, status, since, until, event, root } = filters;
  const number = /^\d{1,5}$/.test(status) ? Number(status) : undefined;
  return {
    ...(script && { script }),
    ...(outcome && { outcome }),
    ...(number !== undefined && { status: number }),
    ...optional('since', timeOf(since, now)),
    ...optional('until', timeOf(until, now)),
    ...(event && { event }),
    ...(root && { root }),
  };
}

function optional<Name extends string>(name: Name, value: string | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [name in Name]?: string };
}

/** The command that lists the same, as far as it has the filters. */
export function runCommand(app: string, filters: RunFilters): string {
  const { script, outcome, status, since } = filters;
  const parts = [
    'pic executions ls',
    script,
    outcome && `--outcome ${outcome}`,
    /^\d+$/.test(status) && `--status ${status}`,
    /^[\w:.-]+$/.test(since) && `--since ${since}`,
    `-a ${app}`,
  ];
  return parts.filter(Boolean).join(' ');
}
