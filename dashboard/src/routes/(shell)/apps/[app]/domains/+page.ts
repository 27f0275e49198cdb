import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:domains');
  const { items } = await ok(
    api.GET('/api/v1/apps/{app}/domains', { params: { path: { app: params.app } } }),
  );
  return { domains: items };
};
