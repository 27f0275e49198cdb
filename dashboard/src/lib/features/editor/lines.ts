/** Lines `from` to `to` of one text, and the lines of the other they became. Ends are not included. */
export interface Change {
  fromA: number;
  toA: number;
  fromB: number;
  toB: number;
}

/** Beyond so many differences the rest counts as changed as a whole: nobody reads that line by line. */
const MOST = 1_000;

/** What changed between two lists of lines, in order. */
export function changes(a: readonly string[], b: readonly string[]): Change[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let endA = a.length;
  let endB = b.length;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  if (start === endA && start === endB) return [];
  const middle = between(a.slice(start, endA), b.slice(start, endB));
  return middle.map((change) => ({
    fromA: change.fromA + start,
    toA: change.toA + start,
    fromB: change.fromB + start,
    toB: change.toB + start,
  }));
}

/** Myers' shortest way from one to the other. */
function between(a: string[], b: string[]): Change[] {
  const furthest = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= Math.min(a.length + b.length, MOST); d += 1) {
    trace.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && at(furthest, k - 1) < at(furthest, k + 1));
      let x = down ? at(furthest, k + 1) : at(furthest, k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      furthest.set(k, x);
      if (x >= a.length && x - k >= b.length) return joined(steps(trace, a.length, b.length));
    }
  }
  return [{ fromA: 0, toA: a.length, fromB: 0, toB: b.length }];
}

function at(furthest: Map<number, number>, k: number): number {
  return furthest.get(k) ?? -1;
}

/** The way back: each step takes one line away or adds one. */
function steps(trace: Map<number, number>[], endA: number, endB: number): Change[] {
  const found: Change[] = [];
  let [x, y] = [endA, endB];
  for (let d = trace.length - 1; d > 0; d -= 1) {
    const furthest = trace[d] as Map<number, number>;
    const k = x - y;
    const down = k === -d || (k !== d && at(furthest, k - 1) < at(furthest, k + 1));
    const fromX = down ? at(furthest, k + 1) : at(furthest, k - 1);
    const fromY = fromX - (down ? k + 1 : k - 1);
    found.push(
      down
        ? { fromA: fromX, toA: fromX, fromB: fromY, toB: fromY + 1 }
        : { fromA: fromX, toA: fromX + 1, fromB: fromY, toB: fromY },
    );
    [x, y] = [fromX, fromY];
  }
  return found.reverse();
}

function joined(single: Change[]): Change[] {
  const found: Change[] = [];
  for (const step of single) {
    const last = found.at(-1);
    if (last && last.toA === step.fromA && last.toB === step.fromB)
      [last.toA, last.toB] = [step.toA, step.toB];
    else found.push({ ...step });
  }
  return found;
}
