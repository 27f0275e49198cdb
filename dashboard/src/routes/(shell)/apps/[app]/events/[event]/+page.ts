import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:event');
  const path = { app: params.app, event: params.event };
  return { event: await ok(api.GET('/api/v1/apps/{app}/events/{event}', { params: { path } })) };
};
