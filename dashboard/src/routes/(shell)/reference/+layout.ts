import { api, ok } from '$lib/api/client';
import type { Document } from '$lib/features/reference/document';
import type { LayoutLoad } from './$types';

export const load: LayoutLoad = async () => ({
  document: (await ok(api.GET('/api/v1/openapi.json'))) as Document,
});
