import { describe, expect, test } from 'vitest';
import { editOf, membersOf, pretty } from './payload';

const ODD = '{"a": 9007199254740993, "b": 1.0, "c": [ ], "d": {}, "e\\"\\u0000": "x, {y}: [z]", "f": 1e400}';

describe('JSON as it is written', () => {
  test('keeps every digit and every text when it is laid out', () => {
    const text = pretty(ODD);
    expect(text).toBe(
      '{\n  "a": 9007199254740993,\n  "b": 1.0,\n  "c": [],\n  "d": {},\n  "e\\"\\u0000": "x, {y}: [z]",\n  "f": 1e400\n}',
    );
    expect(pretty(text)).toBe(text);
  });
  test('shows what would turn it around, or hide in it', () =>
    expect(pretty('{"a":"\u202egpj.exe\u200d \u{e0041} \u2028 שלום"}')).toBe(
      '{\n  "a": "\\u202egpj.exe\u200d \\udb40\\udc41 \\u2028 שלום"\n}',
    ));
  test('has its members', () => {
    expect([...membersOf(ODD)]).toEqual([
      ['a', '9007199254740993'],
      ['b', '1.0'],
      ['c', '[]'],
      ['d', '{}'],
      ['e"\0', '"x, {y}: [z]"'],
      ['f', '1e400'],
    ]);
    expect([...membersOf('{"a":{"b":[{"c":1},2]},"a":3}')]).toEqual([['a', '3']]);
    expect(membersOf('{}').size).toBe(0);
  });
  test('may be large and deep', () => {
    const long = `{"a":"${'x\\n'.repeat(500_000)}"}`;
    expect(pretty(long).length).toBe(long.length + 5);
    const deep = `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
    expect(membersOf(pretty(deep)).get('a')?.length).toBe(10_000);
  });
});

describe('an edited payload', () => {
  const original = '{"message":{"to":"a","id":9007199254740993},"name":"emails","key":null}';
  const changed = (edited: string) => editOf(original, edited);

  test('that is only laid out otherwise changes nothing', () =>
    expect(changed(pretty(original))).toEqual({ body: null }));
  test('sends the fields that are others, and no digit is lost', () =>
    expect(changed(pretty(original).replace('"a"', '"b"'))).toEqual({
      body: '{"payload":{"message":{"to":"b","id":9007199254740993}}}',
    }));
  test('may have more, which the server decides on', () =>
    expect(changed(original.replace('{', '{"x":1,'))).toEqual({ body: '{"payload":{"x":1}}' }));
  test.each(['', '{', '[]', '"text"', 'null', '{"message":1}', '{"message":1,"name":2,"key":3,}'])(
    'is refused when it is %j',
    (edited) => expect(changed(edited).error).toBeTruthy(),
  );
  test('names the field that was left out', () =>
    expect(changed('{"message":1,"key":2}').error).toContain('“name”'));
});
