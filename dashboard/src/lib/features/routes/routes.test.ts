import { expect, test } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { formOf, nameOf, routeOf, withRoute } from './routes';

const snapshot: Schemas['Snapshot'] = {
  scripts: { a: { hash: 'h', version: 1 } },
  modules: {},
  routes: [
    { method: 'GET', path: '/a', script: 'a', auth: 'public' },
    { path: '/b', script: 'a' },
  ],
};
const paths = (request: Schemas['DeployRequest']) => request.routes?.map(nameOf);

test('a route is added, put in the place of another, or taken away; nothing else changes', () => {
  const route = routeOf({ ...formOf(null, 'a'), method: 'POST' });
  expect(paths(withRoute(snapshot, null, route))).toEqual(['GET /a', 'ANY /b', 'POST /a']);
  expect(paths(withRoute(snapshot, snapshot.routes[0] ?? null, route))).toEqual(['ANY /b', 'POST /a']);
  expect(paths(withRoute(snapshot, snapshot.routes[1] ?? null, null))).toEqual(['GET /a']);
  expect(withRoute(snapshot, null, route)).toMatchObject({ replace: true, scripts: { a: { hash: 'h' } } });
});

test('a route survives its form, with all it has', () => {
  const full: Schemas['RouteSpec'] = {
    method: 'PUT',
    path: '/a/:id',
    script: 'a',
    handler: 'on_put',
    auth: 'token',
    mode: 'async',
    cors: { origins: ['https://a.example'], headers: ['x-a'], expose: [], credentials: true, max_age: '10m' },
  };
  expect(routeOf(formOf(full, 'x'))).toEqual(full);
  expect(routeOf(formOf({ path: '/b', script: 'a' }, 'x'))).toEqual({
    method: 'ANY',
    path: '/b',
    script: 'a',
    auth: 'public',
    mode: 'sync',
  });
});

test('lists are written in lines or with commas', () => {
  const form = { ...formOf(null, 'a'), origins: ' https://a.example ,\n\nhttps://b.example' };
  expect(routeOf(form).cors?.origins).toEqual(['https://a.example', 'https://b.example']);
});
