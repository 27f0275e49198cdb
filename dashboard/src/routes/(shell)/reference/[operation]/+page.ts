import { error } from '@sveltejs/kit';
import { operationsOf } from '$lib/features/reference/document';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, parent }) => {
  const { document } = await parent();
  const operation = operationsOf(document).find(({ id }) => id === params.operation);
  if (operation === undefined) error(404, 'There is no such operation');
  return { operation };
};
