import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:scripts');
  const path = { app: params.app };
  const [scripts, modules] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/modules', { params: { path } })),
  ]);
  return { scripts: scripts.items, modules: modules.items };
};
