interface Run {
  id: string;
}

/**
 * What is known with a fresh first page put in, newest first. Runs are listed by when they began and appear when
 * they end, so that new ones also come between known ones. Nothing when the two do not touch: then more came than
 * one page holds, and the list starts again.
 */
export function withFresh<T extends Run>(known: readonly T[], fresh: readonly T[]): T[] | null {
  if (known.length === 0 || fresh.length === 0) return fresh.length === 0 ? [...known] : null;
  const ids = new Set(known.map((run) => run.id));
  const added = fresh.filter((run) => !ids.has(run.id));
  if (added.length === 0) return known as T[];
  if (added.length === fresh.length) return null;
  // Ids order like the times of their beginnings.
  return [...known, ...added].sort((one, two) => (one.id < two.id ? 1 : -1));
}
