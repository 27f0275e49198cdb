import { bytes, count, duration } from '$lib/format/quantities';
import type { Schemas } from '$lib/api/client';

type Limits = Schemas['LimitSettings'];

const TIMES: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Record<string, number> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Milliseconds of `250ms`, `5s`, `2h`; nothing for another text. */
export function milliseconds(text: string): number | null {
  return read(text, TIMES);
}

/** Bytes of `512B`, `64KiB`, `32MiB`; nothing for another text. */
export function sizeOf(text: string): number | null {
  return read(text, SIZES);
}

function read(text: string, units: Record<string, number>): number | null {
  const [, number, unit] = /^\s*(\d+)\s*([A-Za-z]*)\s*$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  return number === undefined || factor === undefined ? null : Number(number) * factor;
}

/** The limits a run had: the script's own, else the app's, else the instance's. */
export function inForce(script: Limits, app: Limits, instance: Limits): Limits {
  const set = (limits: Limits) =>
    Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null && value !== undefined));
  return { ...set(instance), ...set(app), ...set(script) };
}

/** How much of a limit a run used. */
export interface Used {
  name: string;
  used: string;
  /** Empty when the limit is not known. */
  limit: string;
  /** 0 to 1; nothing when the limit is not known. */
  part: number | null;
}

type Numbers = Pick<
  Schemas['Execution'],
  'duration_ms' | 'cpu_ms' | 'operations' | 'memory_peak' | 'host_calls'
>;

/** What a run used, beside its limits. */
export function usedOf(run: Numbers, limits: Limits): Used[] {
  const row = (name: string, value: number, most: number | null, words: (value: number) => string): Used => ({
    name,
    used: words(value),
    limit: most === null ? '' : words(most),
    part: most === null || most <= 0 ? null : Math.min(1, value / most),
  });
  const time = (text: string | null | undefined) => (text ? milliseconds(text) : null);
  return [
    row('Elapsed time', run.duration_ms, time(limits.wall), duration),
    row('Processor time', run.cpu_ms, time(limits.cpu), duration),
    row('Operations', run.operations, limits.operations ?? null, count),
    row('Memory', run.memory_peak, limits.memory ? sizeOf(limits.memory) : null, bytes),
    row('Host calls', run.host_calls, limits.host_calls ?? null, count),
  ];
}
