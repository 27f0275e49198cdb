// Live data of a page: one stream of server-sent events. `EventSource` cannot resume behind an event of an
// earlier connection, nor tell why it was refused.
import { Problem, unreachable } from './problem';
import { SseParser, type SseEvent } from './sse';

/** `paused`: by the reader; `hidden`: nobody looks; `waiting`: for the next attempt. */
export type LiveState = 'connecting' | 'open' | 'waiting' | 'hidden' | 'paused' | 'refused' | 'closed';

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

interface Options {
  /** Path and query below the admin origin. */
  url: string;
  onevent: (event: SseEvent) => void;
}

/**
 * A stream that goes on behind its last event after a break, and that costs the server nothing while the page
 * is hidden. Call `start` in an effect and return `stop`.
 */
export class Live {
  state = $state<LiveState>('connecting');
  problem = $state.raw<Problem | null>(null);
  readonly #options: Options;
  #lastId = '';
  #wait = FIRST_WAIT;
  #paused = false;
  #running = false;
  #connection: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Connects. The function it returns ends the stream. */
  start(): () => void {
    this.#running = true;
    document.addEventListener('visibilitychange', this.#look);
    this.#look();
    return () => {
      this.#running = false;
      document.removeEventListener('visibilitychange', this.#look);
      this.#disconnect('closed');
    };
  }

  pause(): void {
    this.#paused = true;
    this.#look();
  }

  resume(): void {
    this.#paused = false;
    this.#look();
  }

  /** Connects or disconnects, as things are. */
  readonly #look = (): void => {
    if (!this.#running) return;
    if (this.#paused) this.#disconnect('paused');
    else if (document.visibilityState === 'hidden') this.#disconnect('hidden');
    else if (this.#connection === null) void this.#connect();
  };

  #disconnect(state: LiveState): void {
    clearTimeout(this.#timer);
    this.#connection?.abort();
    this.#connection = null;
    this.state = state;
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#timer);
    const connection = new AbortController();
    this.#connection = connection;
    this.state = 'connecting';
    try {
      await this.#read(connection.signal);
      this.problem = null;
    } catch (error) {
      if (connection.signal.aborted) return;
      this.problem = error instanceof Problem ? error : unreachable(error);
    }
    if (this.#connection !== connection) return;
    this.#connection = null;
    if (this.problem !== null && this.problem.status >= 400 && this.problem.status < 429) {
      // Asking again would be refused again.
      this.state = 'refused';
      return;
    }
    this.state = 'waiting';
    this.#timer = setTimeout(this.#look, this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  /** Reads one connection to its end. */
  async #read(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (this.#lastId !== '') headers['last-event-id'] = this.#lastId;
    const response = await fetch(this.#options.url, { headers, signal });
    if (!response.ok || response.body === null) {
      throw Problem.of(await response.json().catch(() => null), response);
    }
    this.state = 'open';
    this.problem = null;
    this.#wait = FIRST_WAIT;
    const parser = new SseParser(this.#lastId);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      for (const event of parser.push(piece.value)) {
        this.#lastId = event.id;
        this.#options.onevent(event);
      }
      this.#wait = parser.retry ?? this.#wait;
    }
  }
}
