import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:dead-letters');
  const path = { app: params.app };
  const query = { limit: 100 };
  return { first: await ok(api.GET('/api/v1/apps/{app}/dead-letters', { params: { path, query } })) };
};
