import { all, each } from '$lib/api/all';
import { api, ok, type Schemas } from '$lib/api/client';
import { byUrgency, hasFailed, healthOf, schedulesOf } from './health';

/** So many apps are looked into; the list of apps has all. */
const MOST_APPS = 40;
/** At the same time. */
const WIDTH = 4;

/** What the overview knows of one app. */
async function look(app: Schemas['App']) {
  const path = { app: app.name };
  const [scripts, executions, queues, triggers, releases] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/executions', { params: { path, query: { limit: 200 } } })),
    all((cursor) => ok(api.GET('/api/v1/apps/{app}/queues', { params: { path, query: { cursor } } })), 200),
    ok(api.GET('/api/v1/apps/{app}/triggers', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/releases', { params: { path, query: { limit: 5 } } })),
  ]);
  const named = <T>(items: T[]) => items.map((item) => ({ app: app.name, ...item }));
  return {
    scripts: healthOf(app.name, scripts.items, executions.items),
    failures: named(executions.items.filter(hasFailed).slice(0, 8)),
    queues: named(queues.items.filter((queue) => queue.depth > 0)),
    schedules: schedulesOf(app.name, triggers.items),
    releases: named(releases.items),
  };
}

/** Everything the overview shows. */
export async function loadOverview(apps: Schemas['App'][]) {
  const [system, looks] = await Promise.all([
    ok(api.GET('/api/v1/system')),
    each(apps.slice(0, MOST_APPS), WIDTH, look),
  ]);
  return {
    system,
    hidden: Math.max(0, apps.length - MOST_APPS),
    scripts: looks.flatMap((app) => app.scripts).sort(byUrgency),
    failures: newest(
      looks.flatMap((app) => app.failures),
      (run) => run.started_at,
    ).slice(0, 8),
    queues: looks.flatMap((app) => app.queues).sort((one, two) => two.depth - one.depth),
    schedules: newest(
      looks.flatMap((app) => app.schedules),
      (next) => next.at,
    )
      .reverse()
      .slice(0, 6),
    releases: newest(
      looks.flatMap((app) => app.releases),
      (release) => release.created_at,
    ).slice(0, 6),
  };
}

/** What `loadOverview` gives. */
export type OverviewData = Awaited<ReturnType<typeof loadOverview>>;

function newest<T>(items: T[], at: (item: T) => string): T[] {
  // Texts of one length order like their times; fractions of a second differ in theirs.
  return items.sort((one, two) => Date.parse(at(two)) - Date.parse(at(one)));
}
