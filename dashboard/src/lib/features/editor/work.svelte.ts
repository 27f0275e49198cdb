import { Problem } from '$lib/api/problem';
import type { Schemas } from '$lib/api/client';
import { deploy, planOf } from '$lib/features/releases/plan';
import { draftOf, dropDraft, keepDraft, type Place } from './drafts';

/** A source as a release has it. */
export interface Live {
  source: string;
  release: number;
}

/** What somebody else made live since a draft began. */
export interface Conflict {
  base: string;
  theirs: Live;
}

/** That a deploy has to wait until two changes are merged. */
export class Diverged extends Error {}

/** How often a deploy is tried again when others deploy other things of the app meanwhile. */
const TRIES = 3;
/** How long after the last key a draft is kept, in milliseconds. */
const PAUSE = 300;

/** One person's work on one source: the draft, where it came from, and its way to be live. */
export class Work {
  readonly place: Place;
  source = $state('');
  /** What the draft came from. */
  base = $state.raw<Live>({ source: '', release: 0 });
  conflict = $state.raw<Conflict | null>(null);
  /** Whether this browser could keep the draft. */
  kept = $state(true);
  readonly changed: boolean = $derived(this.source !== this.base.source);
  readonly #live: () => Promise<Live>;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Goes on with the draft this browser has, else begins with what is live. `again` reads what is live. */
  constructor(place: Place, live: Live, again: () => Promise<Live>) {
    this.place = place;
    this.#live = again;
    const draft = draftOf(place);
    const begun = draft !== null && draft.source !== live.source;
    this.source = begun ? draft.source : live.source;
    this.base = live;
    if (begun && draft.base !== live.source) {
      this.base = { source: draft.base, release: draft.release };
      this.conflict = { base: draft.base, theirs: live };
    }
  }

  /** Takes what was typed; it is kept in a moment. */
  type(source: string): void {
    this.source = source;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keep(), PAUSE);
  }

  /** Keeps the draft in this browser, now. */
  keep(): void {
    clearTimeout(this.#timer);
    if (!this.changed) {
      dropDraft(this.place);
      this.kept = true;
      return;
    }
    const { source, base } = this;
    this.kept = keepDraft(this.place, {
      source,
      base: base.source,
      release: base.release,
      at: new Date().toISOString(),
    });
  }

  /** Goes back to what is live. */
  discard(): void {
    this.source = this.base.source;
    this.keep();
  }

  /** Takes a merged text, which came from what is live now. */
  resolve(source: string): void {
    if (this.conflict === null) return;
    this.base = this.conflict.theirs;
    this.conflict = null;
    this.source = source;
    this.keep();
  }

  /**
   * What a deploy of the draft would change.
   * @throws {Diverged} when somebody changed the same source; `conflict` then has theirs
   */
  plan(): Promise<Schemas['PlanItem'][]> {
    return this.#onLive(() => planOf(this.place.app, this.base.release, this.#request()));
  }

  /**
   * Makes the draft live.
   * @throws {Diverged} when somebody changed the same source; `conflict` then has theirs
   */
  async deploy(message: string): Promise<Schemas['Deployed']> {
    const request = this.#request();
    const { source } = this;
    const deployed = await this.#onLive(() =>
      deploy(this.place.app, this.base.release, { ...request, message }),
    );
    this.base = { source, release: deployed.release?.number ?? this.base.release };
    this.keep();
    return deployed;
  }

  #request(): Schemas['DeployRequest'] {
    const upload = { [this.place.name]: { source: this.source } };
    return this.place.kind === 'script' ? { scripts: upload } : { modules: upload };
  }

  /** Tries a call again on what is live, as long as only other things of the app have changed. */
  async #onLive<T>(call: () => Promise<T>): Promise<T> {
    for (let left = TRIES; ; left -= 1) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Problem && error.status === 412) || left === 0) throw error;
        const theirs = await this.#live();
        if (theirs.source !== this.base.source && theirs.source !== this.source) {
          this.conflict = { base: this.base.source, theirs };
          throw new Diverged('Somebody else changed this meanwhile.');
        }
        this.base = theirs;
      }
    }
  }
}
