import { api, ok } from '$lib/api/client';
import { readFilters, runQuery } from '$lib/features/runs/filters';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, url, depends }) => {
  depends('picloud:runs');
  const path = { app: params.app };
  const filters = readFilters(url.searchParams);
  // Fixed here, so that the pages behind the first are of the same list.
  const query = { ...runQuery(filters, Date.now()), limit: 100 };
  const [first, scripts] = await Promise.all([
    ok(api.GET('/api/v1/apps/{app}/executions', { params: { path, query } })),
    ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path } })),
  ]);
  return { filters, query, first, scripts: scripts.items.map(({ name }) => name) };
};
