/** One event of a stream of server-sent events. */
export interface SseEvent {
  type: string;
  data: string;
  /** What `Last-Event-ID` resumes behind; the last one that was sent. */
  id: string;
}

/** Reads `text/event-stream` piece by piece, however it is cut (HTML standard, 9.2.6). */
export class SseParser {
  #rest = '';
  #data: string[] = [];
  #type = '';
  #id: string;
  /** Milliseconds to wait before the next connection, if the server said so. */
  retry: number | null = null;

  constructor(lastId = '') {
    this.#id = lastId;
  }

  /** The events that `piece` completes. */
  push(piece: string): SseEvent[] {
    const text = this.#rest + piece;
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    // The last one is not over. A CR at the end may be half of a CRLF.
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): SseEvent | null {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return null;
  }

  #dispatch(): SseEvent | null {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id };
    const empty = this.#data.length === 0;
    this.#data = [];
    this.#type = '';
    return empty ? null : event;
  }
}
