import { COLLECTION, FIELDS, NAMESPACES, RESPONSE, WORDS, type Known } from './sdk';

/** One thing that could be typed. */
export interface Suggestion {
  label: string;
  /** `function`, `property`, `namespace`, `keyword`, `variable`: decides its picture. */
  type: string;
  detail?: string;
  info?: string;
  /** What is typed when it is chosen; else the label. */
  apply?: string;
}

/** What could be typed at the end of a text, and where its beginning is. */
export interface Suggestions {
  /** Characters before the end that are replaced. */
  typed: number;
  list: Suggestion[];
  /** The module whose functions should stand there, too. */
  module?: string;
}

/** What fits behind `before`, the source up to the caret; `all` is the whole source. */
export function suggestions(
  before: string,
  all: string,
  modules: string[],
  forced: boolean,
): Suggestions | null {
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const imported = /\bimport\s+"([^"]*)$/.exec(line);
  if (imported)
    return { typed: imported[1]?.length ?? 0, list: modules.map((label) => ({ label, type: 'namespace' })) };
  const path = /\b([a-z_]\w*)::(\w*)$/i.exec(line);
  if (path) return inNamespace(path[1] ?? '', path[2] ?? '', all);
  const member = /(?:(\w+)|(\)))\s*\??\.(\w*)$/.exec(line);
  if (member) return inValue(member[1], member[3] ?? '', line, before, all);
  const word = /(?:^|[^\w.])([a-z_]\w*)$/i.exec(line)?.[1] ?? '';
  if (word === '' && !forced) return null;
  return { typed: word.length, list: anywhere(all, word) };
}

function inNamespace(name: string, typed: string, all: string): Suggestions | null {
  const known = NAMESPACES[name];
  if (known) return { typed: typed.length, list: known.map(suggestion) };
  const module = imports(all).get(name);
  return module === undefined ? null : { typed: typed.length, list: [], module };
}

function inValue(
  name: string | undefined,
  typed: string,
  line: string,
  before: string,
  all: string,
): Suggestions | null {
  const list = name === undefined ? ofCall(line) : (FIELDS[name] ?? ofVariable(name, all));
  return list && before !== '' ? { typed: typed.length, list: list.map(suggestion) } : null;
}

/** What a chain of calls in this line gives, as far as its beginning says. */
function ofCall(line: string): Known[] | null {
  const start = [...line.matchAll(/\b(kv::collection|response::(?!stream)\w+)\(/g)].at(-1);
  if (!start) return null;
  if (start[1] !== 'kv::collection') return RESPONSE;
  return /^kv::collection\([^()]*\)\s*\.\w*$/.test(line.slice(start.index)) ? COLLECTION : null;
}

function ofVariable(name: string, all: string): Known[] | null {
  const made = new RegExp(`\\b(?:let|const)\\s+${name}\\s*=\\s*(kv::collection|response::\\w+)\\(`).exec(all);
  if (!made) return null;
  return made[1] === 'kv::collection' ? COLLECTION : RESPONSE;
}

function anywhere(all: string, typed: string): Suggestion[] {
  const own = [...all.matchAll(/\bfn\s+(\w+)\s*\(([^)]*)\)/g)].map(([, name, args]) =>
    suggestion({ name: name ?? '', args: args?.trim() ?? '', about: 'a function of this script' }),
  );
  const names = [...all.matchAll(/\b(?:let|const|for)\s+([a-z_]\w*)/gi)].map(([, name]) => name as string);
  const variables = [...new Set(names)].filter((name) => name !== typed);
  return [
    ...own,
    ...variables.map((label) => ({ label, type: 'variable' })),
    ...Object.keys(FIELDS).map((label) => ({ label, type: 'variable', detail: 'of every script' })),
    ...Object.keys(NAMESPACES).map((label) => ({ label, type: 'namespace', apply: `${label}::` })),
    ...[...imports(all)].map(([label, module]) => ({
      label,
      type: 'namespace',
      detail: module,
      apply: `${label}::`,
    })),
    ...WORDS.map((label) => ({ label, type: 'keyword' })),
  ];
}

/** Modules by the name a source gives them. */
export function imports(source: string): Map<string, string> {
  const found = source.matchAll(/\bimport\s+"([^"]+)"\s+as\s+(\w+)/g);
  return new Map([...found].map(([, module, name]) => [name as string, module as string]));
}

/** The functions others see of a module. */
export function exported(source: string): Suggestion[] {
  return [...source.matchAll(/(\bprivate\s+)?\bfn\s+(\w+)\s*\(([^)]*)\)/g)]
    .filter(([, hidden]) => hidden === undefined)
    .map(([, , name, args]) => suggestion({ name: name ?? '', args: args?.trim() ?? '', about: '' }));
}

function suggestion(known: Known): Suggestion {
  if (known.args === undefined) return { label: known.name, type: 'property', info: known.about };
  return {
    label: known.name,
    type: 'function',
    detail: `(${known.args})`,
    ...(known.about ? { info: known.about } : {}),
    apply: `${known.name}(`,
  };
}
