import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COLLECTION, FIELDS, NAMESPACES, RESPONSE, type Known } from './sdk';

const guide = readFileSync('../docs/guide/scripts.md', 'utf8');

/** The text of the part whose title names `name`. */
function part(name: string): string {
  const parts = guide.split(/^## /m);
  return parts.find((text) => text.split('\n')[0]?.includes(`\`${name}\``)) ?? '';
}

/** Functions the guide names: `ns::name(`, or `name(` in the part of its namespace. */
function named(namespace: string): Set<string> {
  const found = new Set<string>();
  for (const [, name] of guide.matchAll(new RegExp(`\\b${namespace}::([a-z_0-9]+)`, 'g')))
    found.add(name as string);
  return found;
}

describe('the completions are those of the guide', () => {
  test.each(Object.entries(NAMESPACES))('%s', (namespace, known) => {
    const text = part(namespace);
    expect(text, 'it has a part').not.toBe('');
    for (const { name } of known) expect(text).toMatch(new RegExp(`\\b${name}\\b`));
    // Nothing the guide calls by its full name is missing.
    const names = known.map(({ name }) => name);
    for (const name of named(namespace)) expect(names).toContain(name);
  });

  test('and no namespace is missing', () => {
    const titles = [...guide.matchAll(/^## (.*)$/gm)].flatMap(([, title]) =>
      [...(title ?? '').matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name as string),
    );
    expect(titles.sort()).toEqual([...Object.keys(NAMESPACES), ...Object.keys(FIELDS)].sort());
  });

  const rows = (text: string) =>
    [...text.matchAll(/^\|([^|]+)\|/gm)].map(([, cell]) => cell as string).join('\n');
  const inParts: [string, string, Known[]][] = [
    ['a collection', 'kv', COLLECTION],
    ...Object.entries(FIELDS).map(([name, known]): [string, string, Known[]] => [name, name, known]),
  ];
  test.each(inParts)('%s', (_, name, known) => {
    for (const one of known) expect(part(name)).toMatch(new RegExp(`\`${one.name}\\b`));
    const first = [...rows(part(name)).matchAll(/`([a-z_0-9]+)[`(]/g)].map(([, word]) => word as string);
    const names = known.map((one) => one.name);
    const kinds = ['queue', 'pubsub', 'kv', 'invoke', 'cron', 'deploy', 'dead_letter'];
    for (const word of first.filter((one) => !kinds.includes(one))) expect(names).toContain(word);
  });
  test('a response', () => {
    for (const { name } of RESPONSE) expect(part('response')).toContain(`\`.${name}(`);
  });
});
