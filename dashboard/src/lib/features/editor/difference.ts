// Two texts compared, loaded by `SideBySide.svelte` when one is shown.
import { MergeView, unifiedMergeView } from '@codemirror/merge';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { lineEnds, reading } from './codemirror';

interface Compared {
  left: string;
  right: string;
  /** What they are; read to those who do not see them. */
  labels: [string, string];
  /** There is no room for both beside each other. */
  narrow: boolean;
}

const collapse = { margin: 3, minSize: 6 };
/** Texts with more differences are compared roughly: it has to be done before somebody waits. */
const diffConfig = { scanLimit: 5_000, timeout: 500 };

const marks = EditorView.theme({
  '&.cm-merge-a .cm-changedLine, .cm-deletedChunk': { backgroundColor: 'var(--bad-tint)' },
  '&.cm-merge-b .cm-changedLine, &.cm-editor .cm-insertedLine': { backgroundColor: 'var(--ok-tint)' },
  '&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText': {
    background: 'none',
    textDecoration: 'underline 2px var(--bad)',
  },
  '&.cm-merge-b .cm-changedText, &.cm-editor.cm-merge-b .cm-changedText': {
    background: 'none',
    textDecoration: 'underline 2px var(--ok)',
  },
  '.cm-collapsedLines': {
    background: 'var(--sunken)',
    color: 'var(--muted)',
    padding: 'var(--space-1) var(--space-3)',
  },
  '.cm-changeGutter': { width: '4px', paddingLeft: '0' },
  '&.cm-merge-a .cm-changedLineGutter, .cm-deletedLineGutter': { background: 'var(--bad)' },
  '&.cm-merge-b .cm-changedLineGutter': { background: 'var(--ok)' },
});

/** Shows both; gives what takes them away. */
export function mountDifference(parent: HTMLElement, compared: Compared): () => void {
  const { left, right, labels, narrow } = compared;
  if (narrow) {
    const merge = unifiedMergeView({
      original: left,
      mergeControls: false,
      collapseUnchanged: collapse,
      diffConfig,
    });
    const extensions = [
      lineEnds(right),
      fixed(`From ${labels[0]} to ${labels[1]}`),
      merge,
      EditorView.lineWrapping,
    ];
    const view = new EditorView({ parent, state: EditorState.create({ doc: right, extensions }) });
    return () => view.destroy();
  }
  const view = new MergeView({
    parent,
    a: { doc: left, extensions: [lineEnds(left), fixed(labels[0])] },
    b: { doc: right, extensions: [lineEnds(right), fixed(labels[1])] },
    collapseUnchanged: collapse,
    diffConfig,
  });
  return () => view.destroy();
}

function fixed(label: string): Extension {
  return [
    reading,
    marks,
    EditorState.readOnly.of(true),
    EditorView.contentAttributes.of({ 'aria-label': label, 'aria-readonly': 'true', tabindex: '0' }),
  ];
}
