// Calls as somebody writes them in the API reference: any operation, any answer.
import { unreachable } from './problem';

export interface RawRequest {
  method: string;
  /** Path and query on this origin. */
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface RawAnswer {
  status: number;
  statusText: string;
  headers: [string, string][];
  /** What came of the body, as text. */
  text: string;
  /** Whether more would have come: it was too large, or the reader stopped. */
  cut: boolean;
  /** Milliseconds until the last of it. */
  took: number;
}

const MOST = 1024 * 1024;

/**
 * Sends a request with this session and reads its answer until `stop`, as streams have no end. `soFar` is told what
 * has come.
 * @throws {Problem} when nothing answers
 */
export async function send(
  request: RawRequest,
  stop: AbortSignal,
  soFar: (answer: RawAnswer) => void,
): Promise<void> {
  const start = performance.now();
  const { method, path, headers, body } = request;
  const init = { method, headers, signal: stop, ...(body !== undefined && { body }) };
  let response: Response;
  try {
    response = await fetch(new URL(path, location.origin), init);
  } catch (error) {
    if (stop.aborted) return;
    throw unreachable(error);
  }
  let text = '';
  const tell = (cut: boolean) =>
    soFar({
      status: response.status,
      statusText: response.statusText,
      headers: [...response.headers],
      text,
      cut,
      took: performance.now() - start,
    });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      text += part.value;
      if (text.length >= MOST) {
        await reader?.cancel();
        return tell(true);
      }
      tell(false);
    }
    tell(false);
  } catch {
    // Stopped, or broken off: what has come is shown, and that it is not all.
    tell(true);
  }
}
