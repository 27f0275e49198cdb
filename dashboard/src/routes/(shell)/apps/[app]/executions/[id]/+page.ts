import { api, ok, type Schemas } from '$lib/api/client';
import { Problem } from '$lib/api/problem';
import type { PageLoad } from './$types';

/** What has gone is none; anything else is an error. */
async function ifThere<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:run');
  const { app, id } = params;
  const detail = await ok(api.GET('/api/v1/apps/{app}/executions/{id}', { params: { path: { app, id } } }));
  const { event, root, release, script } = detail.execution;
  const [system, number, about, chain] = await Promise.all([
    ok(api.GET('/api/v1/system')),
    ifThere(
      ok(api.GET('/api/v1/apps/{app}/releases/{number}', { params: { path: { app, number: release } } })),
    ),
    event
      ? ifThere(ok(api.GET('/api/v1/apps/{app}/events/{event}', { params: { path: { app, event } } })))
      : null,
    root
      ? ok(
          api.GET('/api/v1/apps/{app}/executions', {
            params: { path: { app }, query: { root, limit: 200 } },
          }),
        )
      : { items: [] as Schemas['Execution'][], next_cursor: null },
  ]);
  return {
    detail,
    about,
    chain: chain.items,
    longer: Boolean(chain.next_cursor),
    limits: number?.snapshot.scripts[script]?.limits ?? {},
    instance: system.limits,
  };
};
