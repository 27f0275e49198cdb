import { describe, expect, it } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { NAME_PATTERN, newSecret, secretsOf, variablesOf, withSecret } from './variables';

const at = '2026-11-27T12:00:00Z';

function webhook(secret: string, path = '/hook', provider?: Schemas['Provider']): Schemas['Trigger'] {
  const spec = { kind: 'webhook' as const, script: 'hook', path, secret, ...(provider && { provider }) };
  return { key: `webhook/${path}`, spec, next_runs: [] };
}

describe('variables', () => {
  it('are shown without their values, with what uses them', () => {
    const env = [
      { name: 'KEY', value: 'schlüssel', updated_at: at },
      { name: 'HOOK', value: 'one\ntwo\n', updated_at: at },
    ];
    const { variables, missing } = variablesOf(env, [webhook('HOOK', '/pay', 'stripe')]);
    const uses = [{ path: '/pay', script: 'hook', provider: 'stripe' }];
    expect(variables).toEqual([
      { name: 'KEY', bytes: 10, lines: 1, updated_at: at, uses: [] },
      { name: 'HOOK', bytes: 8, lines: 2, updated_at: at, uses },
    ]);
    expect(missing).toEqual([]);
    expect(JSON.stringify(variables)).not.toContain('schlüssel');
  });

  it('are missed by webhooks when they are not there or hold nothing', () => {
    const env = [{ name: 'BLANK', value: ' \n\t\n', updated_at: at }];
    const triggers = [webhook('BLANK'), webhook('NONE', '/a'), webhook('NONE', '/b')];
    const { missing } = variablesOf(env, triggers);
    expect(missing.map(({ name, uses }) => [name, uses.length])).toEqual([
      ['BLANK', 1],
      ['NONE', 2],
    ]);
  });

  it('have names that fill the pattern', () => {
    const pattern = new RegExp(`^${NAME_PATTERN}$`);
    for (const name of ['A', '_', 'A1_', 'A'.repeat(128)]) expect(name).toMatch(pattern);
    for (const name of ['', '1A', 'a', 'A B', 'Ä', 'A'.repeat(129), 'A\n']) expect(name).not.toMatch(pattern);
  });
});

describe('secrets', () => {
  it('are lines, spaces and all', () => {
    expect(secretsOf(' a b \r\n\r\n\t\nc')).toEqual([' a b ', 'c']);
    expect(withSecret('old\n\nolder\n', 'new\n')).toBe('new\nold\nolder');
    expect(withSecret('', 'new')).toBe('new');
  });

  it('are made as providers take them', () => {
    expect(newSecret('standard')).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(newSecret('github')).toMatch(/^[0-9a-f]{64}$/);
    expect(newSecret('github')).not.toBe(newSecret('github'));
    expect(newSecret('stripe')).toBeNull();
    expect(newSecret('slack')).toBeNull();
  });
});
