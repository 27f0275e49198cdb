import { api, ok } from '$lib/api/client';
import { Pager } from '$lib/api/pager.svelte';
import { pairOf } from '$lib/features/versions/pair';
import type { PageLoad } from './$types';

const LIMIT = 50;

export const load: PageLoad = async ({ params, url, depends }) => {
  depends('picloud:script');
  const list = (cursor?: string) =>
    ok(
      api.GET('/api/v1/apps/{app}/scripts/{script}/versions', {
        params: { path: params, query: { cursor, limit: LIMIT } },
      }),
    );
  const get = (version: number) =>
    ok(
      api.GET('/api/v1/apps/{app}/scripts/{script}/versions/{version}', {
        params: { path: { ...params, version } },
      }),
    );
  const first = await list();
  const pair = pairOf(url.searchParams, first.items);
  const compared = pair && (await Promise.all([get(pair.from), get(pair.to)]));
  return { script: params.script, pager: new Pager(first, list), compared };
};
