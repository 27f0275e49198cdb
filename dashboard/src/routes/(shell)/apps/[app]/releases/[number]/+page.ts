import { error } from '@sveltejs/kit';
import { api, ok } from '$lib/api/client';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, url, depends }) => {
  depends('picloud:releases');
  const number = numberOf(params.number);
  if (number === null) error(404, 'There is no such release');
  const get = (which: number) =>
    ok(
      api.GET('/api/v1/apps/{app}/releases/{number}', {
        params: { path: { app: params.app, number: which } },
      }),
    );
  // The first release is compared with nothing.
  const other = numberOf(url.searchParams.get('with') ?? '') ?? number - 1;
  // One after the other: what is told of one that is not there is told of this one.
  const detail = await get(number);
  return { detail, before: other > 0 ? await get(other) : null };
};

function numberOf(text: string): number | null {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}
