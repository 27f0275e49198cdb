import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ depends }) => {
  depends('picloud:tokens');
  return { first: await ok(api.GET('/api/v1/tokens', { params: { query: { limit: 100 } } })) };
};
