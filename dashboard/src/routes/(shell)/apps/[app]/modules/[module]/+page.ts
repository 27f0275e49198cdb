import { api, ok } from '$lib/api/client';
import { liveNumber } from '$lib/features/releases/plan';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:module');
  const release = await liveNumber(params.app);
  const [detail, modules] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/modules/{module}', { params: { path: params } })),
    ok(api.GET('/api/v1/apps/{app}/modules', { params: { path: { app: params.app } } })),
  ]);
  return {
    module: detail.module,
    live: { source: detail.source, release },
    modules: modules.items.map(({ name }) => name),
  };
};
