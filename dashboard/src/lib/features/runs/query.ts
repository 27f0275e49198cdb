import { goto } from '$app/navigation';
import { appPath } from '$lib/shell/nav';

/** An address with other filters; what is empty is left out. */
export function withFilters(url: URL, changes: Record<string, string | null | undefined>): string {
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  return url.pathname + (text && `?${text}`);
}

/** Filters anew, without a step in the history for each: the way back leads out of the list. */
export function filter(url: URL, changes: Record<string, string | null>): void {
  // One that is still loading counts, too: else a second filter would take back the first.
  const target = new URL(withFilters(loading?.pathname === url.pathname ? loading : url, changes), url);
  loading = target;
  void goto(target, { replaceState: true, keepFocus: true, noScroll: true }).finally(() => {
    if (loading === target) loading = null;
  });
}

let loading: URL | null = null;

/** The address of a run, an event or a dead letter of an app. */
export function idPath(app: string, kind: 'executions' | 'events' | 'dead-letters', id: string): string {
  return appPath(app, `/${kind}/${encodeURIComponent(id)}`);
}

/** The address of an app's runs with filters. */
export function runsPath(app: string, filters: Record<string, string>): string {
  return `${appPath(app, '/executions')}?${new URLSearchParams(filters)}`;
}

const AGE = /^([1-9][0-9]{0,5})([smhd])$/;
const MILLISECONDS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The time a filter means, as the API takes it: `1h` ago, or a time as it is; nothing for anything else. */
export function timeOf(text: string | null, now: number): string | undefined {
  if (text === null || text === '') return undefined;
  const age = AGE.exec(text);
  if (age !== null) {
    const unit = age[2] as keyof typeof MILLISECONDS;
    return new Date(now - Number(age[1]) * MILLISECONDS[unit]).toISOString();
  }
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** A time for `<input type="datetime-local">`, in the browser's zone; empty for an age. */
export function localTime(text: string | null): string {
  const time = text === null || AGE.test(text) ? NaN : Date.parse(text);
  if (Number.isNaN(time)) return '';
  const shifted = new Date(time - new Date(time).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
