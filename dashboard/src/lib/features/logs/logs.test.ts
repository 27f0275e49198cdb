import { describe, expect, test } from 'vitest';
import type { Page } from '$lib/api/pager.svelte';
import { collect } from './download';
import { logCommand, logQuery, matches, readFilters, tailUrl } from './filters';
import { knownDownTo, merged, rowsOf } from './merge';
import type { Entry, Row } from './rows';
import { clock } from './time';

const line = (at: number, message = String(at), execution = 'exe_1') =>
  ({
    at: `2026-11-27T12:00:00.${String(at).padStart(6, '0')}Z`,
    message,
    execution,
    level: 'info',
    script: 's',
  }) as Entry;
const shown = (rows: readonly Row[]) =>
  rows.map((row) => ('entry' in row ? row.entry.message : `-${row.missed}`));
const filters = (query: string) => readFilters(new URLSearchParams(query));

describe('log lines of several answers', () => {
  test('are one list, newest first, to the microsecond', () => {
    const known = rowsOf('a', [line(5), line(3)]);
    expect(shown(merged(known, rowsOf('b', [line(4)])))).toEqual(['5', '4', '3']);
  });
  test('are there once, though they come twice', () => {
    const known = rowsOf('a', [line(5), line(3)]);
    expect(merged(known, rowsOf('a', [line(5), line(3)]))).toBe(known);
    expect(shown(merged(known, rowsOf('a', [line(7), line(5)])))).toEqual(['7', '5', '3']);
  });
  test('are all there when a script logs the same twice', () => {
    const twice = rowsOf('a', [line(5, 'x'), line(5, 'x')]);
    expect(new Set(twice.map((row) => row.key)).size).toBe(2);
    expect(shown(merged(twice, rowsOf('a', [line(5, 'x'), line(5, 'x')])))).toEqual(['x', 'x']);
    expect(rowsOf('b', [line(5)])[0]?.key).not.toBe(rowsOf('a', [line(5)])[0]?.key);
  });
  test('keep the gap where it was', () => {
    const gap: Row = { key: 'gap', app: 'a', missed: 7, at: '2026-11-27T12:00:01.000Z' };
    expect(shown(merged([gap], rowsOf('a', [line(5)])))).toEqual(['-7', '5']);
  });
  test('end where one of the apps is not known further', () => {
    const rows = merged(rowsOf('a', [line(9), line(2_000)]), rowsOf('b', [line(8_000), line(5_000)]));
    expect(shown(knownDownTo(rows, [line(5_000).at, line(9).at]))).toEqual(['8000', '5000']);
    expect(knownDownTo(rows, [])).toBe(rows);
  });
});

describe('the filters of a log', () => {
  test('become those of the list and of the stream', () => {
    const found = filters('script=a&level=warn&q= x&since=1h');
    expect(logQuery(found, Date.parse('2026-11-27T12:00:00Z'))).toEqual({
      script: 'a',
      level: 'warn',
      q: ' x',
      since: '2026-11-27T11:00:00.000Z',
    });
    expect(tailUrl('sh/op', found)).toBe('/api/v1/apps/sh%2Fop/logs/tail?script=a&level=warn');
    expect(tailUrl('shop', filters(''))).toBe('/api/v1/apps/shop/logs/tail');
  });
  test('look for a text as the server does', () => {
    expect(matches(line(1, 'Payment failed'), filters('q=failed'))).toBe(true);
    expect(matches(line(1, 'Payment failed'), filters('q=Failed'))).toBe(false);
  });
  test('become a command that a shell takes as it is meant', () => {
    expect(logCommand('shop', filters("q=it's $(x)&level=warn&script=a"), true)).toBe(
      "pic logs a -f --level warn --grep 'it'\\''s $(x)' -a shop",
    );
    expect(logCommand('shop', filters('level=;x&script=$(x)'), false)).toBe('pic logs -a shop');
  });
});

test('the time of a line has its day when that is another', () => {
  const at = '2026-11-27T12:00:00.141360Z';
  expect(clock(at, new Date(at))).toMatch(/^\d\d:\d\d:00\.141$/);
  expect(clock(at, new Date('2026-12-24T12:00:00Z'))).toMatch(/^27 Nov 26 \d\d:\d\d:00\.141$/);
});

describe('a download', () => {
  const pages: Record<string, Page<Entry>> = {
    a: { items: [line(5), line(4)], next_cursor: 'more' },
    more: { items: [line(1)], next_cursor: null },
    b: { items: [line(3_000)] },
  };
  const fetch = async (app: string, cursor?: string) => pages[cursor ?? app] as Page<Entry>;

  test('has all pages of all apps, oldest first', async () => {
    const told: number[] = [];
    const { lines, whole } = await collect(
      ['a', 'b'],
      fetch,
      (number) => told.push(number),
      new AbortController().signal,
    );
    expect(lines.map((text) => JSON.parse(text).message)).toEqual(['1', '4', '5', '3000']);
    expect(JSON.parse(lines[0] ?? '').app).toBe('a');
    expect([whole, told]).toEqual([true, [2, 3, 4]]);
  });
  test('ends when it is stopped', async () => {
    const stop = new AbortController();
    await expect(collect(['a'], fetch, () => stop.abort(), stop.signal)).rejects.toThrow();
  });
});
