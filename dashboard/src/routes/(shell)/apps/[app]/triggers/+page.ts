import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:triggers');
  const path = { app: params.app };
  const { items } = await ok(api.GET('/api/v1/apps/{app}/triggers', { params: { path } }));
  return { triggers: items };
};
