/** A source somebody changed and has not deployed, as this browser keeps it. */
export interface Draft {
  source: string;
  /** The source it came from, and the release that was live then. */
  base: string;
  release: number;
  /** RFC 3339. */
  at: string;
}

/** What a draft is of. */
export interface Place {
  app: string;
  kind: 'script' | 'module';
  name: string;
}

const PREFIX = 'picloud.draft.';
/** Drafts kept in one browser; the oldest go first. */
const MOST = 50;

/** The draft of a script or module; `null` when there is none, or it cannot be read. */
export function draftOf(place: Place): Draft | null {
  try {
    return parsed(localStorage.getItem(keyOf(place)));
  } catch {
    return null;
  }
}

/** Keeps a draft; `false` when this browser has no room for it, or no storage. */
export function keepDraft(place: Place, draft: Draft): boolean {
  const value = JSON.stringify(draft);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      localStorage.setItem(keyOf(place), value);
      forgetOldest(MOST);
      return true;
    } catch {
      forgetOldest(MOST / 5);
    }
  }
  return false;
}

/** Forgets a draft. */
export function dropDraft(place: Place): void {
  try {
    localStorage.removeItem(keyOf(place));
  } catch {
    // No storage, no draft.
  }
}

function keyOf({ app, kind, name }: Place): string {
  return `${PREFIX}${app}/${kind}/${name}`;
}

function forgetOldest(left: number): void {
  try {
    const drafts = Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => ({ key, at: parsed(localStorage.getItem(key))?.at ?? '' }))
      .sort((one, two) => two.at.localeCompare(one.at));
    for (const { key } of drafts.slice(left)) localStorage.removeItem(key);
  } catch {
    // Nothing can be forgotten without a storage.
  }
}

function parsed(text: string | null): Draft | null {
  if (text === null) return null;
  try {
    const found = JSON.parse(text) as Partial<Draft>;
    const whole =
      typeof found.source === 'string' && typeof found.base === 'string' && typeof found.at === 'string';
    return whole && typeof found.release === 'number' ? (found as Draft) : null;
  } catch {
    return null;
  }
}
