import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:routes');
  const path = { app: params.app };
  const [routes, scripts] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/routes', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path } })),
  ]);
  return { routes: routes.items, scripts: scripts.items.map(({ name }) => name) };
};
