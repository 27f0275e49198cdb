import { api, ok, withTag } from '$lib/api/client';
import { variablesOf } from '$lib/features/env/variables';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:env');
  const path = { app: params.app };
  const [{ data, tag }, triggers] = await Promise.all([
    withTag(api.GET('/api/v1/apps/{app}/env', { params: { path } })),
    ok(api.GET('/api/v1/apps/{app}/triggers', { params: { path } })),
  ]);
  // The values go no further than this.
  return { ...variablesOf(data.items, triggers.items), tag };
};
