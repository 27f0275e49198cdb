// The editor itself. It is large: only `CodeEditor.svelte` loads it, when one is shown.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from '@codemirror/language';
import { lintGutter, lintKeymap, linter, forceLinting, type Diagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { Schemas } from '$lib/api/client';
import { exported, suggestions } from './complete';
import { folding } from './folding';
import { look } from './look';
import { lineEndOf, placeOf, rangeAt, rangeOf } from './places';
import { rhai } from './rhai';

/** What an editor is made with. */
export interface EditorOptions {
  source: string;
  /** The name findings have that are about this source. */
  name: string;
  /** What it is; read to those who do not see it. */
  label: string;
  changed: (source: string) => void;
  moved: (place: { line: number; column: number }) => void;
  /** Findings about a source; `null` when it could not be checked. */
  check: (source: string) => Promise<Schemas['Diagnostic'][] | null>;
  /** The names of the app's modules, and the source of one. */
  modules: () => string[];
  moduleSource: (name: string) => Promise<string>;
  run: () => void;
  deploy: () => void;
  save: () => void;
}

/** An editor on a page. */
export interface EditorHandle {
  /** Replaces the whole source, as one step that can be undone. */
  replace: (source: string) => void;
  /** Puts the caret at a line and column, both from 1, and shows it. */
  goTo: (line: number, column: number) => void;
  /** Checks again although nothing was typed. */
  check: () => void;
  destroy: () => void;
}

/** How long after the last key a draft is checked, in milliseconds. */
const PAUSE = 400;

/** What is read-only, too: lines, colours, folding, search. */
export const reading: Extension = [
  lineNumbers(),
  foldGutter({ openText: '⌄', closedText: '›' }),
  highlightSpecialChars(),
  drawSelection(),
  EditorState.tabSize.of(4),
  indentUnit.of('    '),
  search({ top: true }),
  rhai,
  folding,
  look,
];

/** Puts an editor into an element. */
export function mountEditor(parent: HTMLElement, options: EditorOptions): EditorHandle {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: options.source,
      extensions: [reading, lineEnds(options.source), writing(options)],
    }),
  });
  return {
    replace: (source) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: source } }),
    goTo: (line, column) => {
      const { from } = rangeAt(view.state.doc, line, column);
      view.dispatch({
        selection: { anchor: from },
        effects: EditorView.scrollIntoView(from, { y: 'center' }),
      });
      view.focus();
    },
    check: () => forceLinting(view),
    destroy: () => view.destroy(),
  };
}

/** Keeps the line ends a source has. */
export function lineEnds(source: string): Extension {
  return EditorState.lineSeparator.of(lineEndOf(source));
}

function writing(options: EditorOptions): Extension {
  const told = EditorView.updateListener.of((update) => {
    if (update.docChanged) options.changed(update.state.sliceDoc());
    if (update.docChanged || update.selectionSet) {
      options.moved(placeOf(update.state.doc, update.state.selection.main.head));
    }
  });
  const does = (run: () => void) => () => {
    run();
    return true;
  };
  return [
    history(),
    closeBrackets(),
    bracketMatching({ maxScanDistance: 50_000 }),
    indentOnInput(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    autocompletion({ override: [(context) => complete(context, options)] }),
    linter((view) => found(view, options), { delay: PAUSE }),
    lintGutter(),
    EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', tabindex: '0' }),
    keymap.of([
      { key: 'Mod-Enter', run: does(options.run), preventDefault: true },
      { key: 'Mod-Shift-Enter', run: does(options.deploy), preventDefault: true },
      { key: 'Mod-s', run: does(options.save), preventDefault: true },
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...completionKeymap,
      ...lintKeymap,
    ]),
    told,
  ];
}

async function found(view: EditorView, options: EditorOptions): Promise<Diagnostic[]> {
  const doc = view.state.doc;
  const findings = (await options.check(view.state.sliceDoc())) ?? [];
  return findings.flatMap((finding) => {
    const range = rangeOf(doc, finding, options.name);
    if (range === null) return [];
    const message = finding.hint ? `${finding.message}\n${finding.hint}` : finding.message;
    return [
      {
        ...range,
        message,
        severity: finding.severity === 'error' ? ('error' as const) : ('warning' as const),
      },
    ];
  });
}

async function complete(
  context: CompletionContext,
  options: EditorOptions,
): Promise<CompletionResult | null> {
  const all = context.state.doc.toString();
  const fits = suggestions(all.slice(0, context.pos), all, options.modules(), context.explicit);
  if (fits === null) return null;
  const list = [...fits.list];
  if (fits.module !== undefined) list.push(...exported(await options.moduleSource(fits.module)));
  return { from: context.pos - fits.typed, options: list, validFor: /^[\w/]*$/ };
}
