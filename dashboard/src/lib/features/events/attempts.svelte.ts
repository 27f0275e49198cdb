import { Live } from '$lib/api/live.svelte';

/** An attempt at an event that has ended, as the stream of `tailEvents` tells it. */
export interface Attempt {
  event: string;
  kind: string;
  subject: string;
  script: string | null;
  handler: string | null;
  attempt: number;
  outcome: 'handled' | 'retried' | 'dead';
  error: string | null;
  retry_at: string | null;
  execution: string | null;
  duration_ms: number | null;
  at: string;
}

/** So many are shown; nothing of them is kept anywhere, so that earlier ones are gone. */
const MOST = 200;
/** Attempts that come close together are shown together. */
const TOGETHER = 200;

/** The latest attempts of an app, newest first. */
export class Attempts {
  list = $state.raw<(Attempt & { number: number })[]>([]);
  /** So many came too fast to be told. */
  missed = $state(0);
  readonly live: Live;
  #fresh: (Attempt & { number: number })[] = [];
  #number = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(app: string) {
    this.live = new Live({
      url: `/api/v1/apps/${encodeURIComponent(app)}/events/tail`,
      onevent: ({ type, data }) => {
        if (type === 'missed') this.missed += Number(data) || 0;
        else if (type === 'attempt') this.#add(JSON.parse(data) as Attempt);
      },
    });
  }

  /** Follows. The function it returns ends that. */
  start(): () => void {
    const stop = this.live.start();
    return () => {
      stop();
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #add(attempt: Attempt): void {
    this.#fresh.push({ ...attempt, number: this.#number++ });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.list = [...this.#fresh.reverse(), ...this.list].slice(0, MOST);
      this.#fresh = [];
    }, TOGETHER);
  }
}
