import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ depends }) => {
  depends('picloud:system');
  return { system: await ok(api.GET('/api/v1/system')) };
};
