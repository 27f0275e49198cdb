import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  aboutOf,
  grouped,
  hasFields,
  operationsOf,
  resolve,
  typeOf,
  valuesOf,
  type Document,
  type Operation,
} from './document';
import { curlOf, exampleOf, missingOf, requestOf } from './request';

const document = JSON.parse(readFileSync('../api/openapi.json', 'utf8')) as Document;
const operations = operationsOf(document);

function operation(id: string): Operation {
  const found = operations.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

describe('the document of the server', () => {
  it('gives every operation with what a token needs', () => {
    expect(operations.length).toBeGreaterThan(50);
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
    expect(operation('createToken').needs).toEqual({ scope: 'admin', whole: true });
    expect(operation('signOut').needs).toEqual({ scope: null, whole: false });
    expect(operation('signIn').needs).toBeNull();
  });

  it('is searched by all words, in names, paths and what they do', () => {
    const found = (search: string) =>
      grouped(operations, search).flatMap(([, list]) => list.map(({ id }) => id));
    expect(found('token delete')).toEqual(['deleteToken']);
    expect(found('LISTAPPS')).toEqual(['listApps']);
    expect(found('no such words')).toEqual([]);
    expect(found('').length).toBe(operations.length);
  });

  it('has an example for every body, and words for every type', () => {
    for (const { body, parameters } of operations) {
      for (const { schema } of parameters) expect(typeOf(schema ?? {})).not.toBe('');
      if (body) expect(() => JSON.stringify(exampleOf(document, body.schema))).not.toThrow();
    }
    const body = operation('createToken').body;
    expect(exampleOf(document, body?.schema ?? {})).toEqual({ name: '', scopes: [] });
  });
});

describe('schemas', () => {
  it('that name themselves end', () => {
    const odd: Document = {
      components: {
        schemas: {
          Loop: { $ref: '#/components/schemas/Loop' },
          Tree: { properties: { tree: { $ref: '#/components/schemas/Tree' } }, required: ['tree'] },
        },
      },
    };
    expect(resolve(odd, { $ref: '#/components/schemas/Loop' })).toBeDefined();
    expect(JSON.stringify(exampleOf(odd, { $ref: '#/components/schemas/Tree' })).length).toBeLessThan(200);
    expect(exampleOf(odd, { $ref: '#/components/schemas/Gone' })).toBeNull();
    const loop = { oneOf: [{ $ref: '#/components/schemas/Choice' }] };
    odd.components = { schemas: { Choice: loop } };
    expect(hasFields(odd, loop)).toBe(false);
  });

  it('say what they are about, which values they take, and whether there is more', () => {
    const fields = resolve(document, operation('createToken').body?.schema ?? {}).properties ?? {};
    expect(aboutOf(document, fields['app'] ?? {})).toContain('Only for this app');
    expect(hasFields(document, fields['app'] ?? {})).toBe(false);
    expect(valuesOf(document, fields['scopes'] ?? {})).toContain('"deploy"');
    const deploy = resolve(document, operation('deploy').body?.schema ?? {}).properties ?? {};
    expect(hasFields(document, deploy['triggers'] ?? {})).toBe(true);
  });

  it('have types in words', () => {
    expect(typeOf({ type: ['string', 'null'] })).toBe('text or null');
    expect(typeOf({ type: 'array', items: { $ref: '#/components/schemas/Route' } })).toBe('list of Route');
    expect(typeOf({ oneOf: [{ $ref: '#/components/schemas/AppSlug' }, { type: 'null' }] })).toBe(
      'AppSlug or null',
    );
    expect(typeOf({ enum: ['a', 1] })).toBe('"a" | 1');
    expect(typeOf({})).toBe('anything');
  });
});

describe('a request', () => {
  it('has what its form says', () => {
    const list = operation('listExecutions');
    const form = { values: { 'path:app': 'a/b?', 'query:script': 'x&y', 'query:limit': '' }, body: '' };
    expect(requestOf(list, form).path).toBe('/api/v1/apps/a%2Fb%3F/executions?script=x%26y');
    expect(missingOf(list, { values: {}, body: '' })).toEqual(['app']);
    const set = operation('setEnv');
    const values = { 'path:app': 'shop', 'path:name': 'KEY', 'header:If-Match': '"7"' };
    expect(requestOf(set, { values, body: '{"value":"it\'s"}' })).toEqual({
      method: 'PUT',
      path: '/api/v1/apps/shop/env/KEY',
      headers: { 'If-Match': '"7"', 'content-type': 'application/json' },
      body: '{"value":"it\'s"}',
    });
  });

  it('is the same with curl, whatever is in it', () => {
    const request = { method: 'PUT', path: '/x', headers: { a: '$(b)' }, body: "it's" };
    expect(curlOf(request, 'http://h', false)).toBe(
      `curl -X PUT 'http://h/x' \\\n  -H "Authorization: Bearer $PIC_TOKEN" \\\n  -H 'a: $(b)' \\\n  --data-raw 'it'\\''s'`,
    );
    expect(curlOf({ method: 'GET', path: '/x', headers: {} }, 'http://h', true)).toBe(`curl 'http://h/x'`);
  });
});
