import type { Schemas } from '$lib/api/client';

export type Entry = Schemas['LogEntry'];

/** A line of a log view, or how many lines are missing there. `key` tells it from all others. */
export type Row = { key: string; app: string } & ({ entry: Entry } | { missed: number; at: string });

/** Every level, the quietest first. */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

export const TONES: Record<Entry['level'], 'plain' | 'info' | 'warn' | 'bad'> = {
  trace: 'plain',
  debug: 'plain',
  info: 'info',
  warn: 'warn',
  error: 'bad',
};
