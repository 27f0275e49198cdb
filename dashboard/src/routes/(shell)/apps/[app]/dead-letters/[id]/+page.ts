import { api, ok, type Schemas } from '$lib/api/client';
import { membersOf } from '$lib/features/dead-letters/payload';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ params, depends }) => {
  depends('picloud:dead-letter');
  const path = { app: params.app, dead_letter: params.id };
  // As a text: the payload is shown, edited and sent as it is written.
  const text = await ok(
    api.GET('/api/v1/apps/{app}/dead-letters/{dead_letter}', { params: { path }, parseAs: 'text' }),
  );
  const detail = JSON.parse(text) as Schemas['DeadLetterDetail'];
  return { detail, payload: membersOf(text).get('payload') ?? 'null' };
};
