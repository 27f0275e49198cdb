/** How long ago, or until: `just now`, `5 min ago`, `in 3 h`, `2 d ago`. */
export function relative(at: Date, now: Date): string {
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000);
  const away = Math.abs(seconds);
  if (away < 10) return seconds >= 0 ? 'just now' : 'now';
  const text = span(away);
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

function span(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** Milliseconds until `relative` may read differently. */
export function untilChange(at: Date, now: Date): number {
  const away = Math.abs(now.getTime() - at.getTime());
  if (away < 60_000) return 1_000;
  return away < 3_600_000 ? 30_000 : 600_000;
}

/** Date, time and zone: `27 Nov 2026, 11:39:15 UTC`; without `zone` in the browser's. */
export function exact(at: Date, zone?: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
    timeZone: zone,
  }).format(at);
}
