import { describe, expect, test } from 'vitest';
import { exported, suggestions } from './complete';

const labels = (before: string, all = before, modules: string[] = []) =>
  suggestions(before, all, modules, false)?.list.map(({ label }) => label) ?? null;

describe('what could be typed', () => {
  test('behind a namespace are its functions', () => {
    expect(labels('kv::')).toEqual(['collection']);
    expect(suggestions('let x = time::no', '', [], false)?.typed).toBe(2);
    expect(labels('nothing::')).toBeNull();
  });
  test('behind the dot of what is known are its fields', () => {
    expect(labels('req.')).toContain('query');
    expect(labels('kv::collection("a").')).toContain('get_many');
    expect(labels('orders.', 'let orders = kv::collection("orders");')).toContain('incr');
    expect(labels('response::json(1).status(2).')).toContain('header');
  });
  test('behind the dot of anything else is nothing, rather than a guess', () => {
    expect(labels('x.')).toBeNull();
    expect(labels('kv::collection("a").get("b").')).toBeNull();
    expect(labels('1.')).toBeNull();
  });
  test('anywhere are functions, names, namespaces and words', () => {
    const all = 'fn total(a, b) { a }\nlet sum = 1;\nimport "lib/money" as money;\n';
    const found = labels(`${all}t`, `${all}t`);
    expect(found).toEqual(expect.arrayContaining(['total', 'sum', 'money', 'kv', 'req', 'return']));
  });
  test('in an import are the modules, behind its name its functions', () => {
    expect(labels('import "li', '', ['lib/money'])).toEqual(['lib/money']);
    expect(suggestions('m::f', 'import "lib/money" as m;', [], false)).toMatchObject({
      module: 'lib/money',
      typed: 1,
    });
    expect(exported('fn a(x, y) {}\nprivate fn b() {}').map(({ label, detail }) => label + detail)).toEqual([
      'a(x, y)',
    ]);
  });
  test('and nothing without a letter, unless it is asked for', () => {
    expect(labels('let x = 1; ')).toBeNull();
    expect(suggestions('', '', [], true)?.list.length).toBeGreaterThan(20);
  });
});
