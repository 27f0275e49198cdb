import type { Text } from '@codemirror/state';
import type { Schemas } from '$lib/api/client';

/** Where a finding of the server stands in the text; `null` when it is about another one. */
export function rangeOf(
  doc: Text,
  found: Schemas['Diagnostic'],
  name: string,
): { from: number; to: number } | null {
  if (found.script !== name) return null;
  return rangeAt(doc, found.line, found.column);
}

/** The word at a line and column, both from 1; columns count characters as the server does. */
export function rangeAt(doc: Text, lineNumber: number, column: number): { from: number; to: number } {
  const line = doc.line(Math.min(Math.max(1, lineNumber), doc.lines));
  if (column < 1 || lineNumber < 1) return { from: line.from, to: line.to };
  const ahead = [...line.text].slice(0, column - 1).join('').length;
  const from = Math.min(line.from + ahead, line.to);
  const word = /^[\p{L}\p{N}_]+|^./u.exec(line.text.slice(from - line.from));
  return { from, to: from + (word?.[0].length ?? 0) };
}

/** The line and column, both from 1, of a place in the text. */
export function placeOf(doc: Text, at: number): { line: number; column: number } {
  const line = doc.lineAt(at);
  return { line: line.number, column: [...line.text.slice(0, at - line.from)].length + 1 };
}

/** What ends the lines of a source: it is kept, also where it is that of Windows. */
export function lineEndOf(source: string): '\n' | '\r\n' {
  return source.includes('\r\n') && !/(?:^|[^\r])\n/.test(source) ? '\r\n' : '\n';
}

/** Whether two texts are the same but for the ends of their lines. */
export function sameLines(left: string, right: string): boolean {
  return left.replaceAll('\r\n', '\n') === right.replaceAll('\r\n', '\n');
}
