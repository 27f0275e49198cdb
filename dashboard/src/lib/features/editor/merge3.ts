import { changes, type Change } from './lines';

/** A stretch of a merged text: what is sure, or what two people changed in different ways. */
export type Part =
  | { kind: 'sure'; lines: string[]; from: 'both' | 'mine' | 'theirs' }
  | { kind: 'conflict'; base: string[]; mine: string[]; theirs: string[] };

/** What becomes of a conflict. */
export type Choice = 'mine' | 'theirs' | 'both';

/** Two texts that came from one, laid over each other line by line. */
export function merge(base: string, mine: string, theirs: string): Part[] {
  const [o, a, b] = [base.split('\n'), mine.split('\n'), theirs.split('\n')];
  const parts: Part[] = [];
  const left = { a: changes(o, a), b: changes(o, b) };
  let done = { o: 0, a: 0, b: 0 };
  for (let group = nextGroup(left); group !== null; group = nextGroup(left)) {
    add(parts, { kind: 'sure', from: 'both', lines: o.slice(done.o, group.from) });
    const inA = reach(group.a, group, done.a - done.o);
    const inB = reach(group.b, group, done.b - done.o);
    const versions = { base: o.slice(group.from, group.to), mine: a.slice(...inA), theirs: b.slice(...inB) };
    add(parts, decided(versions, group));
    done = { o: group.to, a: inA[1], b: inB[1] };
  }
  add(parts, { kind: 'sure', from: 'both', lines: o.slice(done.o) });
  return parts;
}

/** The text that comes of it; a conflict without a choice keeps mine. */
export function merged(parts: Part[], choices: readonly (Choice | undefined)[]): string {
  let conflict = 0;
  const lines = parts.flatMap((part) => {
    if (part.kind === 'sure') return part.lines;
    const choice = choices[conflict++] ?? 'mine';
    return choice === 'both' ? [...part.theirs, ...part.mine] : part[choice];
  });
  return lines.join('\n');
}

interface Group {
  from: number;
  to: number;
  a: Change[];
  b: Change[];
}

/** Takes the next changes that touch each other off both lists. */
function nextGroup(left: { a: Change[]; b: Change[] }): Group | null {
  const first = [left.a[0], left.b[0]].filter((change) => change !== undefined);
  if (first.length === 0) return null;
  const from = Math.min(...first.map((change) => change.fromA));
  const group: Group = { from, to: from, a: [], b: [] };
  let grown = true;
  while (grown) {
    grown = false;
    for (const side of ['a', 'b'] as const) {
      const next = left[side][0];
      const touches = next && (next.fromA < group.to || next.fromA === group.from || next.fromA === group.to);
      // A change of the same side that only follows is another one.
      if (!touches || (group[side].length > 0 && next.fromA >= group.to)) continue;
      group[side].push(next);
      left[side].shift();
      group.to = Math.max(group.to, next.toA);
      grown = true;
    }
  }
  return group;
}

/** Where a group lies in the text of one side; `shift` is how far that is ahead of the base before it. */
function reach(own: Change[], group: Group, shift: number): [number, number] {
  const added = own.reduce(
    (sum, change) => sum + (change.toB - change.fromB) - (change.toA - change.fromA),
    0,
  );
  return [group.from + shift, group.to + shift + added];
}

function decided(versions: { base: string[]; mine: string[]; theirs: string[] }, group: Group): Part {
  const { mine, theirs } = versions;
  if (group.b.length === 0) return { kind: 'sure', from: 'mine', lines: mine };
  if (group.a.length === 0) return { kind: 'sure', from: 'theirs', lines: theirs };
  if (mine.length === theirs.length && mine.every((line, index) => line === theirs[index])) {
    return { kind: 'sure', from: 'both', lines: mine };
  }
  return { kind: 'conflict', ...versions };
}

function add(parts: Part[], part: Part): void {
  // Lines both sides took away are nothing to show; a change by one side that takes lines away is.
  if (part.kind === 'sure' && part.lines.length === 0 && part.from === 'both') return;
  parts.push(part);
}
