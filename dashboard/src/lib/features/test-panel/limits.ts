import type { Schemas } from '$lib/api/client';

/** How much of one limit a run used. */
export interface Used {
  name: string;
  /** In words. */
  used: string;
  /** The limit in words; absent when it is not known. */
  of?: string;
  /** From 0 to 1; absent when the limit is not known. */
  part?: number;
}

const SIZES: Record<string, number> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
};
const TIMES: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `32MiB` in bytes; `null` for what is no size. */
export function sizeOf(text: string): number | null {
  return measured(/^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim()), SIZES);
}

/** `1s` or `1m30s` in milliseconds; `null` for what is no duration. */
export function millisecondsOf(text: string): number | null {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([all]) => all).join('') !== text.trim()) return null;
  return parts.reduce((sum, part) => sum + (measured(part, TIMES) ?? 0), 0);
}

function measured(match: RegExpMatchArray | null, units: Record<string, number>): number | null {
  const unit = units[match?.[2] ?? ''];
  return match && unit !== undefined ? Number(match[1]) * unit : null;
}

/** The limits a script runs with: its own, else the server's. */
export function limitsOf(
  script: Schemas['LimitSettings'],
  server: Schemas['LimitSettings'] | null,
): Schemas['LimitSettings'] {
  const own = Object.fromEntries(Object.entries(script).filter(([, value]) => value != null));
  return { ...server, ...own };
}

/** What a run used of each limit it has. */
export function usedBy(run: Schemas['RunResult'], limits: Schemas['LimitSettings'], words: Words): Used[] {
  const { wall, cpu, operations, memory, host_calls, response } = limits;
  return [
    row('Time', run.duration_ms, wall, words.duration, millisecondsOf),
    row('Processor', run.cpu_ms, cpu, words.duration, millisecondsOf),
    row('Memory', run.memory_peak, memory, words.bytes, sizeOf),
    row('Operations', run.operations, operations, words.count, Number),
    row('Host calls', run.host_calls, host_calls, words.count, Number),
    row('Answer', bodySize(run.response), response, words.bytes, sizeOf),
  ];
}

/** How quantities are written. */
export interface Words {
  duration: (milliseconds: number) => string;
  bytes: (count: number) => string;
  count: (value: number) => string;
}

function row<T extends string | number>(
  name: string,
  used: number,
  limit: T | null | undefined,
  words: (value: number) => string,
  parse: (limit: T) => number | null,
): Used {
  const most = limit == null ? null : parse(limit);
  if (most === null || Number.isNaN(most)) return { name, used: words(used) };
  return { name, used: words(used), of: words(most), part: most === 0 ? 1 : Math.min(1, used / most) };
}

/** Bytes of an answer's body. */
export function bodySize(response: Schemas['RunResponse'] | null | undefined): number {
  if (response?.body != null) return new TextEncoder().encode(response.body).length;
  const base64 = response?.body_base64 ?? '';
  return Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
}
