import { exact as exactly } from '$lib/format/time';

/** The time to the millisecond, in the browser's zone, with its day unless that is `today`: `12:08:19.141`. */
export function clock(at: string, today: Date): string {
  const time = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  const text = `${hours}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  if (time.toDateString() === today.toDateString()) return text;
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: '2-digit' });
  return `${day.format(time)} ${text}`;
}

/** Date and time with its zone, and the time as the server wrote it. */
export function exact(at: string): string {
  return `${exactly(new Date(at))} (${at})`;
}
