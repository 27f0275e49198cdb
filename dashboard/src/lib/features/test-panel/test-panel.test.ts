import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { bodySize, limitsOf, millisecondsOf, sizeOf, usedBy } from './limits';
import { presetsOf, withoutPreset, withPreset } from './presets';
import { firstRequest, handlersOf, headersOf } from './request';

describe('limits', () => {
  test.each([
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['5m', 300_000],
  ])('%s is a duration', (text, ms) => expect(millisecondsOf(text)).toBe(ms));
  test.each([
    ['32MiB', 2 ** 25],
    ['64KiB', 65_536],
    ['512', 512],
  ])('%s is a size', (text, size) => expect(sizeOf(text)).toBe(size));
  test('what is neither is nothing', () => {
    for (const odd of ['', 'x', '1y', '5 parsecs'])
      expect([millisecondsOf(odd), sizeOf(odd)]).toEqual([null, null]);
  });
  test('of a script go before those of the server', () => {
    expect(limitsOf({ cpu: '2s', wall: null }, { cpu: '1s', wall: '10s' })).toEqual({
      cpu: '2s',
      wall: '10s',
    });
    expect(limitsOf({ cpu: '2s' }, null)).toEqual({ cpu: '2s' });
  });
  test('are compared with what a run used', () => {
    const run: Schemas['RunResult'] = {
      execution: 'exe_1',
      logs: [],
      duration_ms: 500,
      cpu_ms: 1,
      operations: 10,
      memory_peak: 2 ** 20,
      host_calls: 3,
      response: { status: 200, headers: {}, body: 'äö' },
    };
    const plain = { duration: String, bytes: String, count: String };
    const used = usedBy(run, { wall: '1s', memory: '1MiB', operations: 100 }, plain);
    expect(used.map(({ name, part }) => [name, part])).toEqual([
      ['Time', 0.5],
      ['Processor', undefined],
      ['Memory', 1],
      ['Operations', 0.1],
      ['Host calls', undefined],
      ['Answer', undefined],
    ]);
    expect(bodySize(run.response)).toBe(4);
    expect(bodySize({ status: 200, headers: {}, body_base64: '//8=' })).toBe(2);
  });
});

describe('a request', () => {
  test('has headers as lines', () => {
    expect(headersOf('Accept: text/plain\n\n x-a :b:c \nx-a: d')).toEqual({
      headers: { accept: 'text/plain', 'x-a': 'b:c, d' },
    });
    expect(headersOf('a: b\nnothing')).toEqual({ wrong: 'nothing' });
    expect(headersOf('ä: b')).toEqual({ wrong: 'ä: b' });
  });
  test('begins with the first route of its script', () => {
    const routes: Schemas['RouteSpec'][] = [
      { path: '/a', script: 'a' },
      { method: 'POST', path: '/orders/:id/*rest', script: 'orders' },
    ];
    expect(firstRequest(routes, 'orders')).toMatchObject({ method: 'POST', path: '/orders/1/x' });
    expect(firstRequest([], 'x')).toMatchObject({ method: 'GET', path: '/x' });
  });
  test('can go to a function of the source', () => {
    expect(handlersOf('fn a(req) {}\n  fn b() {}\nlet c = 1; // fn d()\nprivate fn e() {}')).toEqual([
      'a',
      'b',
    ]);
  });
});

describe('presets', () => {
  beforeEach(() => {
    const data = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => data.get(key) ?? null,
      setItem: (key: string, value: string) => data.set(key, value),
      removeItem: (key: string) => data.delete(key),
    });
  });
  afterEach(() => vi.unstubAllGlobals());
  const request = { method: 'GET', path: '/', headers: '', body: '', handler: '' } as const;

  test('are kept by script and name', () => {
    withPreset('shop', 'a', { name: 'two', request });
    withPreset('shop', 'a', { name: 'one', request });
    withPreset('shop', 'a', { name: 'two', request: { ...request, path: '/x' } });
    expect(presetsOf('shop', 'a').map((preset) => [preset.name, preset.request.path])).toEqual([
      ['one', '/'],
      ['two', '/x'],
    ]);
    expect(presetsOf('shop', 'b')).toEqual([]);
    expect(withoutPreset('shop', 'a', 'one')?.map(({ name }) => name)).toEqual(['two']);
  });
  test('are only what they should be, and never more than fits', () => {
    localStorage.setItem('picloud.presets.shop/a', '[1, null, {"name": "x"}, {"name": 1, "request": {}}]');
    expect(presetsOf('shop', 'a')).toEqual([]);
    vi.stubGlobal('localStorage', undefined);
    expect(withPreset('shop', 'a', { name: 'one', request })).toBeNull();
  });
});
