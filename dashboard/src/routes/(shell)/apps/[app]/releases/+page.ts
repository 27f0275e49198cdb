import { api, ok } from '$lib/api/client';
import { Pager } from '$lib/api/pager.svelte';
import type { PageLoad } from './$types';

const LIMIT = 50;

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:releases');
  const list = (cursor?: string) =>
    ok(
      api.GET('/api/v1/apps/{app}/releases', {
        params: { path: params, query: { cursor, limit: LIMIT } },
      }),
    );
  return { pager: new Pager(await list(), list) };
};
