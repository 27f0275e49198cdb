import { loadOverview } from '$lib/features/overview/load';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ parent, depends }) => {
  depends('picloud:overview');
  const { apps } = await parent();
  return { overview: await loadOverview(apps) };
};
