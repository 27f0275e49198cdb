import { Problem } from './problem';

/** A page of a list of the API. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A list that grows page by page, as its reader scrolls. */
export class Pager<T> {
  items = $state.raw<T[]>([]);
  loading = $state(false);
  problem = $state.raw<Problem | null>(null);
  #cursor = $state<string | null>(null);
  readonly #fetch: (cursor: string) => Promise<Page<T>>;

  /** Starts with a page that is there; `fetch` gets the one behind a cursor. */
  constructor(first: Page<T>, fetch: (cursor: string) => Promise<Page<T>>) {
    this.items = first.items;
    this.#cursor = first.next_cursor ?? null;
    this.#fetch = fetch;
  }

  /** Whether there are more than `items`. */
  get more(): boolean {
    return this.#cursor !== null;
  }

  /** Starts again with a page; one that is under way is left out. */
  restart(first: Page<T>): void {
    this.items = first.items;
    this.#cursor = first.next_cursor ?? null;
    this.problem = null;
  }

  /** Gets the next page; nothing happens while one is under way. */
  async next(): Promise<void> {
    const cursor = this.#cursor;
    if (cursor === null || this.loading) return;
    this.loading = true;
    this.problem = null;
    try {
      const page = await this.#fetch(cursor);
      if (this.#cursor !== cursor) return;
      this.items = [...this.items, ...page.items];
      this.#cursor = page.next_cursor ?? null;
    } catch (error) {
      this.problem = Problem.from(error);
    } finally {
      this.loading = false;
    }
  }
}
