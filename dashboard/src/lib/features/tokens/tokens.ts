import type { Schemas } from '$lib/api/client';

/** What a token of a scope may do. */
export const SCOPES: Record<Schemas['Scope'], string> = {
  read: 'see apps, scripts, runs and logs',
  deploy: 'what read may, and deploy, set variables, claim domains, deliver dead letters again',
  invoke: 'call scripts, and nothing else',
  admin: 'everything; without an app also tokens and the audit log',
};

export const SCOPE_NAMES = Object.keys(SCOPES) as Schemas['Scope'][];

/** Days that a token lasts, to choose from; the server takes 1 to 3,650. */
export const LIFETIMES = [
  [1, 'A day'],
  [7, 'A week'],
  [30, '30 days'],
  [90, '90 days'],
  [365, 'A year'],
  [3650, 'Ten years'],
] as const;

export type TokenState = { words: string; tone: 'ok' | 'warn' | 'bad' };

const SOON = 7 * 86_400_000;

/** Whether a token still works, and for how long. */
export function stateOf(token: Schemas['TokenView'], now: Date): TokenState {
  if (!token.expires_at) return { words: 'works', tone: 'ok' };
  const left = Date.parse(token.expires_at) - now.getTime();
  if (left <= 0) return { words: 'has ended', tone: 'bad' };
  return left < SOON ? { words: 'ends soon', tone: 'warn' } : { words: 'works', tone: 'ok' };
}

/** The command that makes the same token. */
export function createCommand(name: string, scopes: string[], app: string, days: number): string {
  const plain = /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
  const parts = ['pic tokens create', name === '' ? 'NAME' : plain];
  for (const scope of scopes) parts.push(`--scope ${scope}`);
  if (app !== '') parts.push(`--app ${app}`);
  if (days !== 90) parts.push(`--days ${days}`);
  return parts.join(' ');
}
