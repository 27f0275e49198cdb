/**
 * A text as it can be shown: what cannot be seen, or would turn the text around it, is shown as a picture of
 * itself. Line feeds and tabs stay when `lines` is set.
 */
export function visible(text: string, lines = false): string {
  return text.replace(INVISIBLE, (found) => {
    if (lines && (found === '\n' || found === '\t')) return found;
    const code = found.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return '\u2421';
    return `\u27e8${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}

// Controls, directional marks and overrides, invisible fillers, lone surrogates, tags.
const INVISIBLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

/** At most `most` characters as people count them, and how many UTF-16 units were left out. */
export function clipped(text: string, most: number): { text: string; left: number } {
  if (text.length <= most) return { text, left: 0 };
  let end = most;
  // Not between the halves of one character.
  if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end -= 1;
  return { text: text.slice(0, end), left: text.length - end };
}
