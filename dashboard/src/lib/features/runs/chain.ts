import type { Schemas } from '$lib/api/client';

type Execution = Schemas['Execution'];

/** A run of a chain, with how deep it stands below what began it. */
export interface Link {
  run: Execution;
  depth: number;
  /** Milliseconds after the chain's first run began. */
  after: number;
}

/** The runs of a chain as a tree, written from top to bottom; attempts at one event stand together. */
export function chainOf(runs: readonly Execution[]): Link[] {
  const sorted = [...runs].sort((one, two) => (one.id < two.id ? -1 : 1));
  const known = new Set(sorted.map((run) => run.id));
  const children = new Map<string, Execution[]>();
  for (const run of sorted) {
    // A parent that is not kept any more, or itself, is none.
    const parent = run.parent && run.parent < run.id && known.has(run.parent) ? run.parent : '';
    children.set(parent, [...(children.get(parent) ?? []), run]);
  }
  const start = Math.min(...sorted.map((run) => Date.parse(run.started_at)));
  const links: Link[] = [];
  // Not by recursion: a chain may be as long as it likes.
  const open = [...byEvent(children.get('') ?? [])].reverse().map((run) => ({ run, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { run, depth } = next;
    links.push({ run, depth, after: Date.parse(run.started_at) - start });
    const below = byEvent(children.get(run.id) ?? []);
    open.push(...below.reverse().map((child) => ({ run: child, depth: depth + 1 })));
  }
  return links;
}

function byEvent(runs: Execution[]): Execution[] {
  const groups = new Map<string, Execution[]>();
  for (const run of runs) {
    const key = run.event ?? run.id;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].flat();
}
