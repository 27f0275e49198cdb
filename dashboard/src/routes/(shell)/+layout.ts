import { redirect } from '@sveltejs/kit';
import { all } from '$lib/api/all';
import { api, ok } from '$lib/api/client';
import { Problem } from '$lib/api/problem';
import { signInPath } from '$lib/features/session/enter';
import type { LayoutLoad } from './$types';

/** More apps than this are found by address only. */
const MOST_APPS = 1000;

export const load: LayoutLoad = async ({ url, depends, untrack }) => {
  depends('picloud:apps');
  try {
    const [me, apps] = await Promise.all([
      ok(api.GET('/api/v1/me')),
      all((cursor) => ok(api.GET('/api/v1/apps', { params: { query: { cursor, limit: 200 } } })), MOST_APPS),
    ]);
    return { me, apps: apps.items };
  } catch (error) {
    if (!(error instanceof Problem && error.signedOut)) throw error;
    // Where one wanted to go must not make this load again at every step.
    redirect(
      303,
      untrack(() => signInPath(url.pathname + url.search)),
    );
  }
};
