// JSON that is edited as it is written: read into values of this language, large numbers would lose digits, and `1.0`
// would become an integer.

// Punctuation, texts, and what stands for itself: numbers, `true`, `null`.
const TOKENS = /[{}[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}[\],:"]+/gs;

const DEEPEST = 64;

function tokens(json: string): string[] {
  return json.match(TOKENS) ?? [];
}

// What would turn the text around it, or cannot be seen; joiners are part of emoji and of some scripts.
const INVISIBLE = /(?![\u200c\u200d])[\p{Cf}\p{Cc}\p{Zl}\p{Zp}]/gu;

function escaped(found: string): string {
  const units = Array.from({ length: found.length }, (_, index) => found.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** Valid JSON over several lines; values stay as they are written, with escapes for what cannot be seen. */
export function pretty(json: string): string {
  const found = tokens(json);
  let depth = 0;
  let text = '';
  // Deeper than one reads, it would be more spaces than text.
  const line = () => `\n${'  '.repeat(Math.min(depth, DEEPEST))}`;
  found.forEach((token, index) => {
    const next = found[index + 1];
    if (token === '{' || token === '[') {
      depth += 1;
      text += token + (next === '}' || next === ']' ? '' : line());
    } else if (token === '}' || token === ']') {
      depth -= 1;
      const before = found[index - 1];
      text += (before === '{' || before === '[' ? '' : line()) + token;
    } else if (token === ',') text += token + line();
    else text += token === ':' ? ': ' : token.replace(INVISIBLE, escaped);
  });
  return text;
}

/** The members of a valid JSON object by name, their values as they are written, without spaces. */
export function membersOf(json: string): Map<string, string> {
  const members = new Map<string, string>();
  let depth = 0;
  let name: string | null = null;
  let value: string[] = [];
  let previous = '';
  const end = () => {
    if (name !== null) members.set(name, value.join(''));
    [name, value] = [null, []];
  };
  for (const token of tokens(json)) {
    if (token === '}' || token === ']') depth -= 1;
    if ((depth === 1 && token === ',') || depth === 0) end();
    else if (depth === 1 && token === ':' && name === null) name = JSON.parse(previous) as string;
    else if (name !== null) value.push(token);
    if (token === '{' || token === '[') depth += 1;
    previous = token;
  }
  return members;
}

/** What becomes of an edited payload: a request's body to send, nothing to change, or what is wrong with it. */
export type Edit = { body: string | null; error?: undefined } | { error: string };

/** The fields that `edited` changes of `original`, a valid JSON object, as the body of `replayDeadLetter`. */
export function editOf(original: string, edited: string): Edit {
  try {
    const value: unknown = JSON.parse(edited);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return { error: 'A payload is an object: {"name": value}.' };
  } catch (error) {
    return { error: `This is no JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const [before, after] = [membersOf(original), membersOf(edited)];
  const lost = [...before.keys()].find((name) => !after.has(name));
  if (lost !== undefined)
    return { error: `The event has a field “${lost}”: give it another value, or null, but leave it there.` };
  const changed = [...after].filter(([name, value]) => before.get(name) !== value);
  if (changed.length === 0) return { body: null };
  const fields = changed.map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  return { body: `{"payload":{${fields.join(',')}}}` };
}
