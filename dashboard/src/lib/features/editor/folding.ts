import { foldService, matchBrackets, syntaxTree } from '@codemirror/language';
import type { EditorState, Extension } from '@codemirror/state';

/** A script is no longer than this. */
const WHOLE = 300_000;

/** What the last bracket a line leaves open holds. */
export function foldable(state: EditorState, from: number, to: number): { from: number; to: number } | null {
  const line = state.sliceDoc(from, to);
  for (let index = line.length - 1; index >= 0; index -= 1) {
    if (!'([{'.includes(line.charAt(index))) continue;
    const at = from + index;
    if (syntaxTree(state).resolveInner(at, 1).name !== 'bracket') continue;
    const match = matchBrackets(state, at, 1, { maxScanDistance: WHOLE });
    if (!match?.matched || match.end === undefined) continue;
    if (match.end.from > to) return { from: at + 1, to: match.end.from };
  }
  return null;
}

export const folding: Extension = foldService.of(foldable);
