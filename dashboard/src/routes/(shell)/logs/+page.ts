import { fetchLogs } from '$lib/features/logs/feed.svelte';
import { logQuery, readFilters } from '$lib/features/logs/filters';
import type { PageLoad } from './$types';

/** A browser keeps six connections to one server: so many of them may be streams. */
const MOST_APPS = 4;

export const load: PageLoad = async ({ url, parent, depends }) => {
  depends('picloud:logs');
  const { apps } = await parent();
  const names = apps.map(({ name }) => name);
  const wanted = (url.searchParams.get('apps') ?? '').split(',').filter((name) => names.includes(name));
  const chosen = (wanted.length > 0 ? [...new Set(wanted)] : names).slice(0, MOST_APPS);
  const filters = { ...readFilters(url.searchParams), script: '' };
  const query = logQuery(filters, Date.now());
  const first = await Promise.all(chosen.map(async (app) => ({ app, page: await fetchLogs(app, query) })));
  return { filters, query, first, chosen, names, most: MOST_APPS };
};
