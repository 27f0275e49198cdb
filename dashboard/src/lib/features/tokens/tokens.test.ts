import { describe, expect, it } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { createCommand, stateOf } from './tokens';

const now = new Date('2026-11-27T12:00:00Z');

function token(expires_at: string | null): Schemas['TokenView'] {
  return { id: 'tok_1', name: 'ci', scopes: ['deploy'], created_at: '2026-01-01T00:00:00Z', expires_at };
}

describe('the state of a token', () => {
  it('tells whether it works, and when it soon will not', () => {
    expect(stateOf(token(null), now).words).toBe('works');
    expect(stateOf(token('2027-02-01T00:00:00Z'), now).words).toBe('works');
    expect(stateOf(token('2026-12-04T11:59:59Z'), now).words).toBe('ends soon');
    expect(stateOf(token('2026-11-27T12:00:00Z'), now).words).toBe('has ended');
  });
});

describe('the command that makes a token', () => {
  it('has what differs from its defaults', () => {
    expect(createCommand('ci', ['deploy'], '', 90)).toBe('pic tokens create ci --scope deploy');
    expect(createCommand('ci', ['read', 'invoke'], 'shop', 7)).toBe(
      'pic tokens create ci --scope read --scope invoke --app shop --days 7',
    );
    expect(createCommand('', ['read'], '', 90)).toBe('pic tokens create NAME --scope read');
  });

  it('is one argument for any name', () => {
    expect(createCommand("Ada's $(laptop)", ['read'], '', 90)).toBe(
      `pic tokens create 'Ada'\\''s $(laptop)' --scope read`,
    );
  });
});
