/** A time with its weekday in a zone, in UTC where the browser does not know that. */
export function inZone(at: string, zone: string): string {
  const format = (timeZone: string) =>
    new Intl.DateTimeFormat('en-GB', {
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'short',
      timeZone,
    }).format(new Date(at));
  try {
    return format(zone);
  } catch {
    return format('UTC');
  }
}

/** The zones the browser knows, to choose from; a server may know others. */
export function zones(): string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
}
