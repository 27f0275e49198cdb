import { describe, expect, it } from 'vitest';
import { numbering, withWords, wordsOf } from './entries';

const entry = (actor: string, action: string, target: string) => ({
  at: '2026-11-27T12:00:00Z',
  actor,
  via: 'session',
  action,
  target,
});

describe('entries of the audit log', () => {
  it('are numbered over all pages, alike or not', () => {
    const one = entry('ada', 'env.set', 'KEY');
    const number = numbering();
    const first = number({ items: [one, one], next_cursor: 'x' });
    const second = number({ items: [one], next_cursor: null });
    expect(first.next_cursor).toBe('x');
    expect([...first.items, ...second.items].map((entry) => entry.number)).toEqual([0, 1, 2]);
  });

  it('are found by all words of a filter, as they are shown or named', () => {
    const list = [entry('ada@x', 'env.set', 'KEY'), entry('bob@x', 'releases.deploy', 'shop 7')];
    const found = (filter: string) => withWords(list, filter).map(({ actor }) => actor);
    expect(found('')).toEqual(['ada@x', 'bob@x']);
    expect(found('  KEY ada')).toEqual(['ada@x']);
    expect(found('variable')).toEqual(['ada@x']);
    expect(found('releases. session')).toEqual(['bob@x']);
    expect(found('ada shop')).toEqual([]);
  });

  it('keep actions that have no words', () => {
    expect(wordsOf('new.action')).toBe('new.action');
    expect(wordsOf('constructor')).toBe('constructor');
  });
});
