import { redirect } from '@sveltejs/kit';
import { api, ok } from '$lib/api/client';
import { destination } from '$lib/features/session/enter';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ url }) => {
  const { needed } = await ok(api.GET('/api/v1/setup'));
  if (needed) redirect(303, '/setup');
  return { next: destination(url.searchParams.get('next')) };
};
