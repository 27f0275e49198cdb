import { describe, expect, test } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { chainOf } from './chain';
import { isFiltered, readFilters, runCommand, runQuery } from './filters';
import { inForce, milliseconds, sizeOf, usedOf } from './limits';
import { withFresh } from './merge';
import { localTime, timeOf, withFilters } from './query';

const NOW = Date.parse('2026-11-27T12:00:00Z');

describe('the filters of an address', () => {
  test('become those of the API', () => {
    const filters = readFilters(
      new URLSearchParams('script=a&outcome=limit&status=500&since=1h&until=2026-11-27T13:00:00%2B01:00&x=y'),
    );
    expect(runQuery(filters, NOW)).toEqual({
      script: 'a',
      outcome: 'limit',
      status: 500,
      since: '2026-11-27T11:00:00.000Z',
      until: '2026-11-27T12:00:00.000Z',
    });
    expect(isFiltered(filters)).toBe(true);
    expect(isFiltered(readFilters(new URLSearchParams('x=y')))).toBe(false);
  });
  test('leave out what is no time and no number', () => {
    const filters = readFilters(new URLSearchParams('since=yesterday&until=0h&status=5e2'));
    expect(runQuery(filters, NOW)).toEqual({});
  });
  test('become a command, without what a shell would run', () => {
    const filters = readFilters(new URLSearchParams('script=a&outcome=ok&since=$(reboot)&status=200'));
    expect(runCommand('shop', filters)).toBe('pic executions ls a --outcome ok --status 200 -a shop');
  });
  test('change one at a time', () => {
    const url = new URL('http://x/runs?a=1&b=2');
    expect(withFilters(url, { a: null, c: 'ü&' })).toBe('/runs?b=2&c=%C3%BC%26');
    expect(withFilters(url, { a: '', b: undefined })).toBe('/runs');
  });
});

test.each([
  ['10m', '2026-11-27T11:50:00.000Z'],
  ['7d', '2026-11-20T12:00:00.000Z'],
  ['2026-11-01', '2026-11-01T00:00:00.000Z'],
  ['1y', undefined],
  ['', undefined],
  ['9999999d', undefined],
])('the time of %j', (text, time) => expect(timeOf(text, NOW)).toBe(time));

test('a time of the address goes through a field unchanged', () => {
  expect(Date.parse(localTime('2026-11-27T12:30:00Z'))).toBe(Date.parse('2026-11-27T12:30:00Z'));
  expect(localTime('1h')).toBe('');
  expect(localTime('nonsense')).toBe('');
});

describe('a fresh first page', () => {
  const runs = (...ids: string[]) => ids.map((id) => ({ id }));
  test('puts new runs where they began', () =>
    expect(withFresh(runs('e', 'c', 'a'), runs('f', 'e', 'd', 'c'))).toEqual(runs('f', 'e', 'd', 'c', 'a')));
  test('changes nothing without new ones', () => {
    const known = runs('b', 'a');
    expect(withFresh(known, runs('b', 'a'))).toBe(known);
    expect(withFresh(known, [])).toEqual(known);
  });
  test('starts again when it does not touch', () => {
    expect(withFresh(runs('a'), runs('d', 'c'))).toBeNull();
    expect(withFresh([], runs('a'))).toBeNull();
  });
});

describe('limits', () => {
  test('are read as people write them', () => {
    expect([milliseconds('250ms'), milliseconds('10s'), milliseconds('5m')]).toEqual([250, 10_000, 300_000]);
    expect([sizeOf('32MiB'), sizeOf('64KB'), sizeOf('7')]).toEqual([33_554_432, 64_000, 7]);
    for (const odd of ['', 's', '1.5s', '-1s', '5 parsecs']) expect(milliseconds(odd)).toBeNull();
  });
  test('of a script come first, then those of its app', () => {
    const limits = inForce(
      { wall: '1s', cpu: null },
      { wall: '2s', cpu: '3s' },
      { wall: '10s', memory: '32MiB' },
    );
    expect(limits).toEqual({ wall: '1s', cpu: '3s', memory: '32MiB' });
  });
  test('beside what was used', () => {
    const run = { duration_ms: 20_000, cpu_ms: 500, operations: 50, memory_peak: 1024, host_calls: 3 };
    const rows = usedOf(run, { wall: '10s', cpu: '1s', operations: 100, memory: 'plenty' });
    expect(rows.map(({ used, limit, part }) => [used, limit, part])).toEqual([
      ['20 s', '10 s', 1],
      ['500 ms', '1 s', 0.5],
      ['50', '100', 0.5],
      ['1 KiB', '', null],
      ['3', '', null],
    ]);
  });
});

describe('a chain', () => {
  const run = (id: string, parent: string | null, event: string | null = null) =>
    ({ id, parent, event, started_at: `2026-11-27T12:00:0${id}Z` }) as unknown as Schemas['Execution'];
  const shape = (runs: Schemas['Execution'][]) =>
    chainOf(runs).map(({ run, depth }) => `${' '.repeat(depth)}${run.id}`);

  test('stands as a tree, attempts at one event together', () => {
    const runs = [run('5', '1', 'x'), run('1', null), run('2', '1', 'x'), run('3', '1', 'y'), run('4', '2')];
    expect(shape(runs)).toEqual(['1', ' 2', '  4', ' 5', ' 3']);
    expect(chainOf(runs)[1]?.after).toBe(1000);
  });
  test('whose beginning is not kept begins with what is', () =>
    expect(shape([run('3', '1'), run('2', '1')])).toEqual(['2', '3']));
  test('that bites its own tail ends', () =>
    expect(shape([run('1', '2'), run('2', '2'), run('3', '1')])).toEqual(['1', ' 3', '2']));
  test('of thousands is no recursion', () => {
    const long = Array.from({ length: 20_000 }, (_, index) => {
      const id = (number: number) => String(number).padStart(6, '0');
      return { ...run('1', null), id: id(index), parent: index === 0 ? null : id(index - 1) };
    });
    expect(chainOf(long).at(-1)?.depth).toBe(19_999);
  });
});
