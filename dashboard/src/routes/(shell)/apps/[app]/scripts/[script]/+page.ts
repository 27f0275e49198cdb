import { api, ok } from '$lib/api/client';
import { liveNumber } from '$lib/features/releases/plan';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:script');
  const path = { app: params.app };
  // The release first: if another comes between, the source is newer than it says, which a deploy notices.
  const release = await liveNumber(params.app);
  const [detail, modules, routes, system] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/scripts/{script}', { params: { path: params } })),
    ok(api.GET('/api/v1/apps/{app}/modules', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/routes', { params: { path } })),
    // Limits are shown without their maximum to those who may not see the server's.
    ok(api.GET('/api/v1/system')).catch(() => null),
  ]);
  return {
    script: detail.script,
    live: { source: detail.source, release },
    modules: modules.items.map(({ name }) => name),
    routes: routes.items,
    serverLimits: system?.limits ?? null,
  };
};
