import type { Schemas } from '$lib/api/client';

/** The limits a script can have of its own. */
export const LIMITS: {
  name: keyof Schemas['LimitSettings'];
  title: string;
  example: string;
  number?: true;
}[] = [
  { name: 'wall', title: 'Time', example: '10s' },
  { name: 'cpu', title: 'Processor', example: '1s' },
  { name: 'memory', title: 'Memory', example: '32MiB' },
  { name: 'response', title: 'Answer', example: '6MiB' },
  { name: 'logs', title: 'Logs', example: '64KiB' },
  { name: 'operations', title: 'Operations', example: '5000000', number: true },
  { name: 'host_calls', title: 'Host calls', example: '1000', number: true },
  { name: 'concurrency', title: 'At the same time', example: '10', number: true },
];

/** Limits as texts of a form. */
export function formOf(limits: Schemas['LimitSettings']): Record<string, string> {
  return Object.fromEntries(
    LIMITS.map(({ name }) => [name, limits[name] == null ? '' : String(limits[name])]),
  );
}

/** Limits a form says; what is empty is not set. */
export function settingsOf(form: Record<string, string>): Schemas['LimitSettings'] {
  const set = LIMITS.flatMap(({ name, number }) => {
    const text = form[name]?.trim() ?? '';
    return text === '' ? [] : [[name, number ? Number(text) : text] as const];
  });
  return Object.fromEntries(set);
}
