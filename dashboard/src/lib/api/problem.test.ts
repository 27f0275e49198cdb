import { describe, expect, test } from 'vitest';
import { ok, withTag } from './client';
import { Problem } from './problem';

const headers = { 'x-request-id': 'req_1', etag: '"7"' };
const response = (status: number) => new Response(null, { status, headers });

describe('an answer', () => {
  test('that is a success gives its data and tag', async () => {
    expect(await withTag(Promise.resolve({ data: 5, response: response(200) }))).toEqual({
      data: 5,
      tag: '"7"',
    });
  });

  test('that is a problem is thrown in the words of the server', async () => {
    const error = { title: 'Not found', detail: 'no app', code: 'not_found', request_id: 'req_2' };
    const thrown = await ok(Promise.resolve({ error, response: response(404) })).catch(
      (caught: unknown) => caught,
    );
    expect(thrown).toBeInstanceOf(Problem);
    expect(thrown).toMatchObject({
      ...{ title: 'Not found', code: 'not_found', status: 404 },
      requestId: 'req_2',
    });
  });

  test.each([undefined, null, '<html>', 5, [], {}, { title: 7, diagnostics: 'x' }])(
    'of a proxy (%j) is told without its body',
    async (error) => {
      const thrown = await ok(Promise.resolve({ error, response: response(502) })).catch(
        (caught: unknown) => caught,
      );
      expect(thrown).toMatchObject({ title: 'The server answered 502', requestId: 'req_1', diagnostics: [] });
    },
  );

  test('that never came is told as such', async () => {
    const thrown = await ok(Promise.reject(new TypeError('failed to fetch'))).catch(
      (caught: unknown) => caught,
    );
    expect(thrown).toMatchObject({ code: 'unreachable', status: 0 });
  });

  test('that nobody waits for any more stays an abort', async () => {
    const abort = new DOMException('gone', 'AbortError');
    await expect(ok(Promise.reject(abort))).rejects.toBe(abort);
  });
});
