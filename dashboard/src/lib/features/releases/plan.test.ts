import { expect, test } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { comparison, wholeOf, without } from './plan';

const item = (what: Schemas['PlanItem']['what'], name: string, fields: Record<string, string>) => ({
  action: 'add' as const,
  what,
  name,
  changes: Object.entries(fields).map(([field, value]) => ({ field, old: null, new: value })),
});

test('two releases are compared item by item, field by field', () => {
  const from = [
    item('script', 'a', { source: '11111111', 'limits.cpu': '1s' }),
    item('script', 'b', { source: '22222222' }),
    item('route', 'GET /a', { script: 'a' }),
  ];
  const to = [
    item('script', 'a', { source: '33333333' }),
    item('route', 'GET /a', { script: 'a' }),
    item('module', 'a', { source: '44444444' }),
  ];
  expect(comparison(from, to)).toEqual([
    {
      action: 'change',
      what: 'script',
      name: 'a',
      changes: [
        { field: 'source', old: '11111111', new: '33333333' },
        { field: 'limits.cpu', old: '1s', new: null },
      ],
    },
    { action: 'keep', what: 'route', name: 'GET /a', changes: [] },
    { action: 'add', what: 'module', name: 'a', changes: [{ field: 'source', old: null, new: '44444444' }] },
    {
      action: 'remove',
      what: 'script',
      name: 'b',
      changes: [{ field: 'source', old: '22222222', new: null }],
    },
  ]);
  expect(comparison(from, from).every(({ action }) => action === 'keep')).toBe(true);
});

const snapshot: Schemas['Snapshot'] = {
  scripts: {
    a: { hash: 'h1', version: 2, description: 'text', limits: { cpu: '1s' } },
    b: { hash: 'h2', version: 1 },
  },
  modules: { a: { hash: 'h3', version: 1 } },
  routes: [
    { path: '/a', script: 'a' },
    { path: '/b', script: 'b' },
  ],
  triggers: [{ kind: 'queue', queue: 'q', script: 'b' }],
};

test('a snapshot is deployed again as it is', () => {
  expect(wholeOf(snapshot)).toEqual({
    replace: true,
    scripts: {
      a: { hash: 'h1', description: 'text', limits: { cpu: '1s' } },
      b: { hash: 'h2', description: '', limits: {} },
    },
    modules: { a: { hash: 'h3' } },
    routes: snapshot.routes,
    triggers: snapshot.triggers,
  });
});

test('a script goes with what leads to it, a module of the same name stays', () => {
  const left = without(wholeOf(snapshot), 'script', 'b');
  expect(Object.keys(left.scripts ?? {})).toEqual(['a']);
  expect(left.routes?.map(({ path }) => path)).toEqual(['/a']);
  expect(left.triggers).toEqual([]);
  expect(without(wholeOf(snapshot), 'script', 'a').modules).toEqual({ a: { hash: 'h3' } });
  expect(without(wholeOf(snapshot), 'module', 'a').modules).toEqual({});
});
