/** Something the palette leads to. */
export interface Entry {
  title: string;
  /** What kind of thing it is: `Page`, `App`, `Script`, `Action`. */
  kind: string;
  href?: string;
  run?: () => void;
}

/** The entries that fit what was typed, best first: all its words, in any order. */
export function matching(entries: Entry[], typed: string, most = 50): Entry[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = entries.flatMap((entry, index) => {
    const score = scoreOf(entry, words);
    return score === null ? [] : [{ entry, score, index }];
  });
  scored.sort((one, two) => two.score - one.score || one.index - two.index);
  return scored.slice(0, most).map(({ entry }) => entry);
}

function scoreOf(entry: Entry, words: string[]): number | null {
  const title = entry.title.toLowerCase();
  const text = `${title} ${entry.kind.toLowerCase()}`;
  let score = 0;
  for (const word of words) {
    if (!text.includes(word)) return null;
    if (title === word) score += 3;
    else if (title.startsWith(word)) score += 2;
    else if (title.includes(` ${word}`)) score += 1;
  }
  return score;
}
