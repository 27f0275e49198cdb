import type { Schemas } from '$lib/api/client';
import { LIMITS } from '$lib/features/scripts/limit-form';
import { count } from '$lib/format/quantities';

/** One limit of runs: what holds without a setting, the most one can ask for, and the apps that have their own. */
export interface LimitRow {
  name: string;
  title: string;
  standard: string;
  ceiling: string;
  own: { app: string; value: string }[];
}

/** The limits of an instance, one a row. */
export function limitRows(system: Schemas['System'], apps: Schemas['App'][]): LimitRow[] {
  return LIMITS.map(({ name, title }) => ({
    name,
    title,
    standard: valueOf(system.limits[name]),
    ceiling: valueOf(system.ceiling[name]),
    own: apps.flatMap((app) =>
      app.limits[name] == null ? [] : [{ app: app.name, value: valueOf(app.limits[name]) }],
    ),
  }));
}

function valueOf(value: string | number | null | undefined): string {
  if (value == null) return 'none';
  return typeof value === 'number' ? count(value) : value;
}
