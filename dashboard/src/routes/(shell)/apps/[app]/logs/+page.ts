import { api, ok } from '$lib/api/client';
import { fetchLogs } from '$lib/features/logs/feed.svelte';
import { logQuery, readFilters } from '$lib/features/logs/filters';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, url, depends }) => {
  depends('picloud:logs');
  const filters = readFilters(url.searchParams);
  const query = logQuery(filters, Date.now());
  const [page, scripts] = await Promise.all([
    fetchLogs(params.app, query),
    ok(api.GET('/api/v1/apps/{app}/scripts', { params: { path: { app: params.app } } })),
  ]);
  return { filters, query, page, scripts: scripts.items.map(({ name }) => name) };
};
