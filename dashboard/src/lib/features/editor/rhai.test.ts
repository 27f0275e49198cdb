import { describe, expect, test } from 'vitest';
import { EditorState } from '@codemirror/state';
import { syntaxTree } from '@codemirror/language';
import { rhai } from './rhai';
import { foldable } from './folding';

/** Every token as `kind:text`. */
function tokens(source: string): string[] {
  const state = EditorState.create({ doc: source, extensions: [rhai] });
  const found: string[] = [];
  syntaxTree(state).iterate({
    enter: (node) => {
      if (node.node.firstChild === null && node.name !== 'Document') {
        found.push(`${node.name}:${source.slice(node.from, node.to)}`);
      }
    },
  });
  return found;
}

const texts = (source: string, kind: string) =>
  tokens(source)
    .filter((token) => token.startsWith(kind))
    .map((token) => token.slice(token.indexOf(':') + 1));

describe('Rhai is read', () => {
  test('with comments in comments', () => {
    expect(texts('/* a /* b */ c\n d */ let x = 1;', 'comment')).toEqual(['/* a /* b */ c', ' d */']);
    expect(texts('/* a /* b */ let', 'keyword')).toEqual([]);
  });
  test('with code in texts, in texts', () => {
    const source = '`a ${ if x { `b ${y}` } else { "c" } } d` + z';
    expect(texts(source, 'keyword')).toEqual(['if', 'else']);
    expect(texts(source, 'variableName')).toEqual(['x', 'y', 'z']);
    expect(texts(source, 'string').join('|')).toContain(' d`');
  });
  test('with maps inside the code of a text', () => {
    expect(texts('`${ #{ a: #{ b: 1 } } } let` let', 'keyword')).toEqual(['let']);
  });
  test('with texts over several lines, of each kind', () => {
    expect(texts('"a\\\n let"\nlet', 'keyword')).toEqual(['let']);
    expect(texts('`a\n let`\nlet', 'keyword')).toEqual(['let']);
    expect(texts('##"a "# let\n"##\nlet', 'keyword')).toEqual(['let']);
  });
  test('with backticks, quotes and backslashes in texts', () => {
    expect(texts('`a `` b` let', 'keyword')).toEqual(['let']);
    expect(texts('"a \\" let" let', 'keyword')).toEqual(['let']);
    expect(texts("'\"' let '\\'' let", 'keyword')).toEqual(['let', 'let']);
  });
  test('with numbers beside ranges and methods', () => {
    expect(texts('1..5 1.5 0xff_u 1_000 2.floor() 1e3', 'number')).toEqual([
      '1',
      '5',
      '1.5',
      '0xff_',
      '1_000',
      '2',
      '1e3',
    ]);
  });
  test('with names by what they are', () => {
    const source = 'fn add(a) { kv::collection("x").get(a).name } req';
    expect(texts(source, 'variableName.function.definition')).toEqual(['add']);
    expect(texts(source, 'namespace')).toEqual(['kv']);
    expect(texts(source, 'propertyName.function')).toEqual(['get']);
    expect(texts(source, 'variableName.special')).toEqual(['req']);
  });
  test('to its end, whatever it is', () => {
    for (const odd of ['`${', '"', '#"', "'", '/*', '}}}}', '`${}}`', '\u0000\u202e', '🦀`${🦀}`', '#{']) {
      expect(tokens(`${odd}\n${odd}`).length, odd).toBeGreaterThan(0);
    }
  });
});

describe('what can be folded', () => {
  const fold = (source: string) => {
    const state = EditorState.create({ doc: source, extensions: [rhai] });
    const range = foldable(state, state.doc.line(1).from, state.doc.line(1).to);
    return range && source.slice(range.from, range.to);
  };
  test('is what brackets hold over several lines', () => {
    expect(fold('fn a() {\n  "}"\n}\nb')).toBe('\n  "}"\n');
    expect(fold('let a = #{\n  b: 1,\n};')).toBe('\n  b: 1,\n');
  });
  test('is not what is closed in its line, or never', () => {
    expect(fold('fn a() { 1 }\n}')).toBeNull();
    expect(fold('fn a() {\n 1')).toBeNull();
    expect(fold('"{"\n}')).toBeNull();
  });
});
