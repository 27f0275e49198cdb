import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ depends }) => {
  depends('picloud:audit');
  return { first: await ok(api.GET('/api/v1/audit', { params: { query: { limit: 100 } } })) };
};
