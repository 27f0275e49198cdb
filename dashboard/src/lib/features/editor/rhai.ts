// Rhai as CodeMirror reads it: nested comments, texts over several lines, code inside texts.
import { StreamLanguage, type StreamParser, type StringStream } from '@codemirror/language';

/** Where a reader is. Texts in backticks hold code, which may hold texts: hence a stack. */
export interface RhaiState {
  /** How many comments are open around it. */
  comments: number;
  /** In a text in double quotes that goes on behind a backslash at the end of its line. */
  quoted: boolean;
  /** In a raw text, closed by a quote and as many `#`. */
  raw: number;
  /** The texts in backticks that are open, with the braces open in the code of each; -1: in the text itself. */
  templates: number[];
  /** Open brackets of any kind. */
  depth: number;
  /** The word or sign before, as far as it decides what the next one is. */
  before: '' | 'fn' | '.';
}

const KEYWORDS = new Set(
  (
    'let const if else switch while loop do until for in break continue return throw try catch fn private ' +
    'import export as'
  ).split(' '),
);
const CONSTANTS = new Set(['true', 'false']);
const SCOPES = new Set(['this', 'global', 'req', 'ctx', 'event']);
const NUMBER = /^(?:0x[\da-f_]+|0o[0-7_]+|0b[01_]+|\d[\d_]*(?:\.(?![.\w])|\.\d[\d_]*)?(?:e[+-]?\d[\d_]*)?)/i;
const OPERATOR = /^(?:\.\.=?|\?\?=?|\?[.[]|=>|<<=?|>>=?|\*\*=?|[-+*/%&|^=!<>]=?=?|&&|\|\|)/;

export const rhaiParser: StreamParser<RhaiState> = {
  name: 'rhai',
  startState: () => ({ comments: 0, quoted: false, raw: 0, templates: [], depth: 0, before: '' }),
  copyState: (state) => ({ ...state, templates: [...state.templates] }),
  token(stream, state) {
    if (state.comments > 0) return comment(stream, state);
    if (state.quoted) return quoted(stream, state);
    if (state.raw > 0) return raw(stream, state);
    if (state.templates.at(-1) === -1) return template(stream, state);
    return code(stream, state);
  },
  indent(state, after, context) {
    if (state.comments > 0 || state.quoted || state.raw > 0 || state.templates.at(-1) === -1) return null;
    const closes = /^\s*[\])}]/.test(after) ? 1 : 0;
    return Math.max(0, state.depth - closes) * context.unit;
  },
  languageData: {
    commentTokens: { line: '//', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['(', '[', '{', '"', '`'] },
    indentOnInput: /^\s*[\])}]$/,
  },
};

export const rhai = StreamLanguage.define(rhaiParser);

function code(stream: StringStream, state: RhaiState): string | null {
  if (stream.eatSpace()) return null;
  const before = state.before;
  state.before = '';
  if (stream.sol() && stream.match(/^#!.*/)) return 'meta';
  if (stream.match('//')) {
    stream.skipToEnd();
    return 'comment';
  }
  if (stream.match('/*')) {
    state.comments = 1;
    return comment(stream, state);
  }
  return text(stream, state) ?? bracket(stream, state) ?? word(stream, state, before);
}

function comment(stream: StringStream, state: RhaiState): string {
  while (state.comments > 0 && !stream.eol()) {
    if (stream.match('*/')) state.comments -= 1;
    else if (stream.match('/*')) state.comments += 1;
    else stream.next();
  }
  return 'comment';
}

/** The beginning of a text of any kind. */
function text(stream: StringStream, state: RhaiState): string | null {
  const hashes = stream.match(/^(#+)"/);
  if (hashes && hashes !== true) {
    state.raw = hashes[1]?.length ?? 1;
    return raw(stream, state);
  }
  if (stream.eat('"')) return quoted(stream, state);
  if (stream.match(/^'(?:\\(?:x..|u.{4}|U.{8}|.)|[^'\\])'/u)) return 'string';
  if (!stream.eat('`')) return null;
  state.templates.push(-1);
  return template(stream, state);
}

function quoted(stream: StringStream, state: RhaiState): string {
  state.quoted = false;
  while (!stream.eol()) {
    const next = stream.next();
    if (next === '"') return 'string';
    // An escaped character; at the end of a line the text goes on in the next.
    if (next === '\\' && stream.next() === undefined) state.quoted = true;
  }
  return 'string';
}

function raw(stream: StringStream, state: RhaiState): string {
  const close = `"${'#'.repeat(state.raw)}`;
  while (!stream.eol()) {
    if (stream.match(close)) {
      state.raw = 0;
      return 'string';
    }
    stream.next();
  }
  return 'string';
}

function template(stream: StringStream, state: RhaiState): string {
  while (!stream.eol()) {
    if (stream.match('${', false)) {
      // The text before the `$` is a token of its own.
      if (stream.pos > stream.start) return 'string';
      stream.next();
      state.templates[state.templates.length - 1] = 0;
      return 'string.special';
    }
    if (stream.match('``')) continue;
    if (stream.next() === '`') {
      state.templates.pop();
      return 'string';
    }
  }
  return 'string';
}

function bracket(stream: StringStream, state: RhaiState): string | null {
  const top = state.templates.length - 1;
  if (stream.match(/^[([{]/)) {
    state.depth += 1;
    if (stream.current() === '{' && top >= 0) state.templates[top] = (state.templates[top] ?? 0) + 1;
    return 'bracket';
  }
  if (!stream.match(/^[)\]}]/)) return null;
  state.depth = Math.max(0, state.depth - 1);
  if (stream.current() === '}' && top >= 0) {
    const left = (state.templates[top] ?? 1) - 1;
    // The code ends with the brace that opened it, and the text goes on.
    state.templates[top] = left > 0 ? left : -1;
  }
  return 'bracket';
}

function word(stream: StringStream, state: RhaiState, before: RhaiState['before']): string | null {
  if (stream.match(NUMBER)) return 'number';
  if (stream.match(OPERATOR)) {
    if (/^\?\.$/.test(stream.current())) state.before = '.';
    return 'operator';
  }
  if (stream.eat('.')) {
    state.before = '.';
    return 'punctuation';
  }
  const name = stream.match(/^[\p{L}_][\p{L}\p{N}_]*/u);
  if (!name || name === true) {
    stream.next();
    return 'punctuation';
  }
  return kindOf(name[0], stream, state, before);
}

function kindOf(name: string, stream: StringStream, state: RhaiState, before: RhaiState['before']): string {
  if (before === '.') return stream.match(/^\s*[(!]/, false) ? 'propertyName.function' : 'propertyName';
  if (before === 'fn') return 'variableName.function.definition';
  if (KEYWORDS.has(name)) {
    if (name === 'fn') state.before = 'fn';
    return 'keyword';
  }
  if (CONSTANTS.has(name)) return 'bool';
  if (stream.match(/^\s*::/, false)) return 'namespace';
  if (SCOPES.has(name)) return 'variableName.special';
  return stream.match(/^\s*\(/, false) ? 'variableName.function' : 'variableName';
}
