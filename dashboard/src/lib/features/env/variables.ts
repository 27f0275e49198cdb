import type { Schemas } from '$lib/api/client';

/** The most bytes a value may have; the server refuses more. */
export const MOST_BYTES = 32 * 1024;

/** What a name must be, as the server checks it. */
export const NAME_PATTERN = '[A-Z_][A-Z0-9_]{0,127}';

/** A webhook that is signed with a variable's value. */
export interface Use {
  path: string;
  script: string;
  provider: Schemas['Provider'];
}

/** A variable as the page has it: without its value. */
export interface Variable {
  name: string;
  bytes: number;
  /** Lines that hold something: of a webhook's secret, the secrets that count. */
  lines: number;
  updated_at: string;
  uses: Use[];
}

/** What the page shows of an environment, and the variables that webhooks miss. */
export function variablesOf(
  env: Schemas['EnvVar'][],
  triggers: Schemas['Trigger'][],
): { variables: Variable[]; missing: { name: string; uses: Use[] }[] } {
  const uses = usesOf(triggers);
  const variables = env.map(({ name, value, updated_at }) => ({
    name,
    bytes: new TextEncoder().encode(value).length,
    lines: secretsOf(value).length,
    updated_at,
    uses: uses.get(name) ?? [],
  }));
  const usable = new Set(variables.filter(({ lines }) => lines > 0).map(({ name }) => name));
  const missing = [...uses].filter(([name]) => !usable.has(name)).map(([name, uses]) => ({ name, uses }));
  return { variables, missing };
}

/** The secrets of a value: one a line, lines without anything do not count. */
export function secretsOf(value: string): string[] {
  return value.split(/\r?\n/).filter((line) => line.trim() !== '');
}

/** A value with another secret in front, so that what is signed with the old ones is taken, too. */
export function withSecret(value: string, secret: string): string {
  return [...secretsOf(secret), ...secretsOf(value)].join('\n');
}

/** A new secret as a provider takes it; none for those that make it themselves. */
export function newSecret(provider: Schemas['Provider']): string | null {
  if (provider === 'stripe' || provider === 'slack') return null;
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  if (provider === 'standard') return `whsec_${btoa(String.fromCharCode(...bytes))}`;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function usesOf(triggers: Schemas['Trigger'][]): Map<string, Use[]> {
  const uses = new Map<string, Use[]>();
  for (const { spec } of triggers) {
    if (spec.kind !== 'webhook' || !spec.secret) continue;
    const use = { path: spec.path ?? '', script: spec.script, provider: spec.provider ?? 'standard' };
    uses.set(spec.secret, [...(uses.get(spec.secret) ?? []), use]);
  }
  return uses;
}
