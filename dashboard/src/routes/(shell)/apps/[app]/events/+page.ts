import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:events');
  const path = { app: params.app };
  const [queues, deliveries] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/queues', { params: { path, query: { limit: 100 } } })),
    ok(api.GET('/api/v1/apps/{app}/deliveries', { params: { path, query: { limit: 100 } } })),
  ]);
  return { queues, deliveries };
};
