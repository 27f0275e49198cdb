import { api, withTag } from '$lib/api/client';
import type { LayoutLoad } from './$types';

export const load: LayoutLoad = async ({ params, depends }) => {
  depends('picloud:app');
  const { data, tag } = await withTag(api.GET('/api/v1/apps/{app}', { params: { path: params } }));
  return { app: data, appTag: tag };
};
