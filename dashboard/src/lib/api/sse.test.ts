import { describe, expect, test } from 'vitest';
import { SseParser, type SseEvent } from './sse';

function parse(pieces: string[]): SseEvent[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

const STREAM =
  ': hello\r\nid: 1\r\nevent: log\r\ndata: {"a":1}\r\n\r\nid: 2\ndata: one\ndata:two\n\n\n: beat\n\nretry: 50\ndata\n\n';
const EVENTS = [
  { type: 'log', data: '{"a":1}', id: '1' },
  { type: 'message', data: 'one\ntwo', id: '2' },
  { type: 'message', data: '', id: '2' },
];

describe('a stream of server-sent events', () => {
  test('means the same however it is cut', () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      expect(parse([STREAM.slice(0, cut), STREAM.slice(cut)])).toEqual(EVENTS);
    }
    expect(parse([...STREAM])).toEqual(EVENTS);
  });

  test('says how long to wait', () => {
    const parser = new SseParser('9');
    parser.push('retry: 50\nretry: soon\n');
    expect(parser.retry).toBe(50);
    expect(parser.push('data: x\n\n')).toEqual([{ type: 'message', data: 'x', id: '9' }]);
  });

  test('ends no event that is cut off', () => {
    expect(parse(['data: x\n'])).toEqual([]);
  });
});
