// The only place that speaks HTTP with the server, but for the streams of `stream.ts`.
import createClient from 'openapi-fetch';
import { Problem, unreachable } from './problem';
import type { components, paths } from './schema';

/** A type of the API by its name in the OpenAPI document. */
export type Schemas = components['schemas'];

/** Typed calls of the API. Take results with `ok` or `withTag`. */
export const api = createClient<paths>({
  // At the time of the call: SvelteKit has its own while a page loads.
  fetch: (request) => globalThis.fetch(request),
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The data of an answer.
 * @throws {Problem} with the server's explanation, or that the server cannot be reached
 */
export async function ok<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await answered(call)).data as T;
}

/** The data of an answer and its `ETag`, to be sent back as `If-Match`. */
export async function withTag<T>(call: Promise<Answer<T>>): Promise<{ data: T; tag: string }> {
  const { data, response } = await answered(call);
  return { data: data as T, tag: response.headers.get('etag') ?? '' };
}

async function answered<T>(call: Promise<Answer<T>>): Promise<Answer<T>> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    throw error instanceof DOMException && error.name === 'AbortError' ? error : unreachable(error);
  }
  if (answer.response.ok) return answer;
  throw Problem.of(answer.error, answer.response);
}

/** For `Idempotency-Key`: what is sent twice with one is made once. */
export function onceKey(): string {
  // Not `crypto.randomUUID`: pages over plain HTTP in a local network have none.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
