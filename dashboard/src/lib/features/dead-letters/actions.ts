import { api, ok, type Schemas } from '$lib/api/client';
import { each } from '$lib/api/all';

/** The server takes so many ids at once. */
const AT_ONCE = 1000;
/** Requests at the same time. */
const WIDTH = 4;
/** What dies again at once would be delivered again for ever. */
const MOST_TURNS = 100;

const replayPath = '/api/v1/apps/{app}/dead-letters/replay';

/** Delivers these again; how many were still there. */
export async function replayThese(app: string, ids: string[]): Promise<number> {
  let replayed = 0;
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const body = { ids: ids.slice(start, start + AT_ONCE) };
    replayed += await replayAsked(app, body);
  }
  return replayed;
}

/** Delivers all there are again. */
export function replayAll(app: string): Promise<number> {
  return replayAsked(app, { all: true });
}

async function replayAsked(app: string, body: Schemas['ReplayManyRequest']): Promise<number> {
  let replayed = 0;
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    const answer = await ok(api.POST(replayPath, { params: { path: { app } }, body }));
    replayed += answer.replayed;
    if (!answer.more) break;
  }
  return replayed;
}

/** Removes these. */
export async function deleteThese(app: string, ids: string[]): Promise<void> {
  await each(ids, WIDTH, (dead_letter) =>
    ok(
      api.DELETE('/api/v1/apps/{app}/dead-letters/{dead_letter}', { params: { path: { app, dead_letter } } }),
    ),
  );
}

/** Delivers one again, with the fields of `body`, JSON as `editOf` makes it, if there are any. */
export function replayOne(app: string, id: string, body: string | null) {
  const params = { path: { app, dead_letter: id } };
  return ok(
    api.POST('/api/v1/apps/{app}/dead-letters/{dead_letter}/replay', {
      params,
      // The text itself: as values, numbers would lose digits.
      ...(body === null ? {} : { body: body as never, bodySerializer: (text: unknown) => text as string }),
    }),
  );
}
