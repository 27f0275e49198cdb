import type { Schemas } from '$lib/api/client';

type Execution = Schemas['Execution'];

/** How a script is, as far as its kept runs tell. */
export interface ScriptHealth {
  app: string;
  name: string;
  description: string;
  routes: string[];
  version: number;
  /** The latest of the runs that are kept. */
  last: Execution | null;
  state: 'failing' | 'recovered' | 'fine' | 'quiet';
}

/** Whether a run did not end well. Cancelled ones were given up by their client. */
export function hasFailed(run: Pick<Execution, 'outcome' | 'status'>): boolean {
  return !['ok', 'cancelled', 'suspended'].includes(run.outcome) || (run.status ?? 0) >= 500;
}

/** The health of an app's scripts from its runs, newest first. */
export function healthOf(app: string, scripts: Schemas['Script'][], runs: Execution[]): ScriptHealth[] {
  return scripts.map(({ name, description, routes, version }) => {
    const own = runs.filter((run) => run.script === name);
    const last = own[0] ?? null;
    return { app, name, description, routes, version, last, state: stateOf(last, own) };
  });
}

function stateOf(last: Execution | null, runs: Execution[]): ScriptHealth['state'] {
  if (last === null) return 'quiet';
  if (hasFailed(last)) return 'failing';
  return runs.some(hasFailed) ? 'recovered' : 'fine';
}

const ORDER = ['failing', 'recovered', 'fine', 'quiet'];

/** What needs a person first, then by app and name. */
export function byUrgency(one: ScriptHealth, two: ScriptHealth): number {
  return (
    ORDER.indexOf(one.state) - ORDER.indexOf(two.state) ||
    one.app.localeCompare(two.app) ||
    one.name.localeCompare(two.name)
  );
}

/** A schedule and when it fires next. */
export interface Next {
  app: string;
  key: string;
  script: string;
  schedule: string;
  timezone: string | undefined;
  at: string;
}

/** The schedules of an app that fire again. */
export function schedulesOf(app: string, triggers: Schemas['Trigger'][]): Next[] {
  return triggers.flatMap(({ key, spec, next_run }) => {
    if (spec.kind !== 'cron' || !next_run) return [];
    const { schedule, timezone, script } = spec;
    return [{ app, key, script, schedule: schedule ?? '', timezone: timezone ?? undefined, at: next_run }];
  });
}
