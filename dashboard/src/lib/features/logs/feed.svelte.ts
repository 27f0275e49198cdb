// The log of one app or of several, as one list: what is stored, and what comes while somebody looks.
import { api, ok, type Schemas } from '$lib/api/client';
import { Live, type LiveState } from '$lib/api/live.svelte';
import type { Page } from '$lib/api/pager.svelte';
import { Problem } from '$lib/api/problem';
import type { SseEvent } from '$lib/api/sse';
import { matches, tailUrl, type LogFilters } from './filters';
import { knownDownTo, merged, rowsOf } from './merge';
import type { Entry, Row } from './rows';

/** So many rows are held; older ones are in the stored log. */
const MOST = 5_000;
/** Lines that come close together are shown together: milliseconds. */
const TOGETHER = 150;
const LIMIT = 200;

type Query = Omit<NonNullable<Parameters<typeof fetchLogs>[1]>, 'cursor'>;

/** A page of the stored log of an app. */
export function fetchLogs(
  app: string,
  query: { script?: string; level?: string; q?: string; since?: string; until?: string; cursor?: string },
): Promise<Page<Schemas['LogEntry']>> {
  const params = { path: { app }, query: { ...query, limit: LIMIT } };
  return ok(api.GET('/api/v1/apps/{app}/logs', { params }));
}

/** One app of a feed. */
class Source {
  readonly live: Live;
  cursor = $state<string | null>(null);
  /** The time of the oldest line that is there; empty when there is none. */
  oldest = $state('');
  /** Lines that came over the stream and are not shown yet, oldest first, and how many it left out. */
  fresh: Entry[] = [];
  missed = 0;
  #gaps = 0;
  #wasOpen = false;

  constructor(
    readonly app: string,
    first: Page<Entry>,
    url: string,
    onevent: (source: Source, event: SseEvent) => void,
  ) {
    this.live = new Live({ url, onevent: (event) => onevent(this, event) });
    this.older(first);
  }

  older(page: Page<Entry>): void {
    this.cursor = page.next_cursor ?? null;
    this.oldest = page.items.at(-1)?.at ?? this.oldest;
  }

  /** The rows of what came, newest first. */
  takeFresh(): Row[] {
    const rows = rowsOf(this.app, this.fresh.reverse());
    if (this.missed > 0) {
      const at = this.fresh[0]?.at ?? new Date().toISOString();
      rows.unshift({ key: `missed ${this.app} ${this.#gaps++}`, app: this.app, missed: this.missed, at });
    }
    [this.fresh, this.missed] = [[], 0];
    return rows;
  }

  /** Whether its stream has just begun anew: what came in between is to be fetched. */
  opened(): boolean {
    const open = this.live.state === 'open';
    const begun = open && !this.#wasOpen;
    this.#wasOpen = open;
    return begun;
  }
}

export class LogFeed {
  #rows = $state.raw<Row[]>([]);
  loading = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** Whether older rows went for newer ones. */
  cut = $state(false);
  readonly sources: Source[];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly filters: LogFilters,
    readonly query: Query,
    first: { app: string; page: Page<Entry> }[],
  ) {
    this.sources = first.map(
      ({ app, page }) =>
        new Source(app, page, tailUrl(app, filters), (source, event) => this.#take(source, event)),
    );
    this.#rows = first.reduce<Row[]>((rows, { app, page }) => merged(rows, rowsOf(app, page.items)), []);
  }

  /** What is shown, newest first. */
  get rows(): Row[] {
    const open = this.sources.filter((source) => source.cursor !== null && source.oldest !== '');
    return knownDownTo(this.#rows, this.sources.length > 1 ? open.map((source) => source.oldest) : []);
  }

  /** Whether older lines can be fetched. */
  get more(): boolean {
    return !this.cut && this.sources.some((source) => source.cursor !== null);
  }

  /** How the streams are doing: the worst of them. */
  get state(): LiveState {
    const order: LiveState[] = ['refused', 'waiting', 'connecting', 'hidden', 'paused', 'closed', 'open'];
    const states = this.sources.map((source) => source.live.state);
    return order.find((state) => states.includes(state)) ?? 'closed';
  }

  /** Follows, until the function it returns is called. Call it in an effect: it looks at the streams. */
  start(): () => void {
    const stops = this.sources.map((source) => source.live.start());
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Fetches what came before a stream began. Call it in an effect of its own. */
  catchUp(): void {
    for (const source of this.sources) {
      if (source.opened()) void this.#fetchNewest(source);
    }
  }

  pause(): void {
    this.sources.forEach(({ live }) => live.pause());
  }

  resume(): void {
    this.sources.forEach(({ live }) => live.resume());
  }

  /** Fetches older lines: of the app that is known least far back. */
  async next(): Promise<void> {
    const source = this.sources
      .filter(({ cursor }) => cursor !== null)
      .sort((one, two) => Date.parse(two.oldest) - Date.parse(one.oldest))[0];
    if (source === undefined || source.cursor === null || this.loading) return;
    this.loading = true;
    this.problem = null;
    try {
      const page = await fetchLogs(source.app, { ...this.query, cursor: source.cursor });
      source.older(page);
      this.#add(rowsOf(source.app, page.items));
    } catch (error) {
      this.problem = Problem.from(error);
    } finally {
      this.loading = false;
    }
  }

  async #fetchNewest({ app }: Source): Promise<void> {
    try {
      const page = await fetchLogs(app, this.query);
      this.#add(rowsOf(app, page.items));
    } catch (error) {
      this.problem = Problem.from(error);
    }
  }

  #take(source: Source, { type, data }: SseEvent): void {
    if (type === 'missed') source.missed += Number(data) || 0;
    else if (type === 'log') {
      const entry = JSON.parse(data) as Entry;
      if (matches(entry, this.filters)) source.fresh.push(entry);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#add(this.sources.flatMap((one) => one.takeFresh()));
    }, TOGETHER);
  }

  #add(rows: Row[]): void {
    const all = merged(this.#rows, rows);
    if (all.length > MOST) this.cut = true;
    this.#rows = all.length > MOST ? all.slice(0, MOST) : all;
  }
}
