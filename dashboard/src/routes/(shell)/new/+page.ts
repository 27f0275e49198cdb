import type { PageLoad } from './$types';

export const load: PageLoad = async ({ url, parent }) => {
  const { apps } = await parent();
  const wanted = url.searchParams.get('app');
  const app = apps.find(({ name }) => name === wanted) ?? apps.find((one) => one.default) ?? apps[0];
  return { app: app?.name ?? null };
};
