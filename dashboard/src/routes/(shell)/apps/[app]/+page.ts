import { api, ok } from '$lib/api/client';
import { healthOf, byUrgency, hasFailed } from '$lib/features/overview/health';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:app');
  const path = { app: params.app };
  const [scripts, executions, releases, routes] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/executions', { params: { path, query: { limit: 200 } } })),
    ok(api.GET('/api/v1/apps/{app}/releases', { params: { path, query: { limit: 5 } } })),
    ok(api.GET('/api/v1/apps/{app}/routes', { params: { path } })),
  ]);
  return {
    scripts: healthOf(params.app, scripts.items, executions.items).sort(byUrgency),
    failures: executions.items.filter(hasFailed).slice(0, 6),
    releases: releases.items,
    routes: routes.items,
  };
};
