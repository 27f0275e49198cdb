/** What had happened, in words: `queue emails`, `GET /x`. */
export function happened(event: { kind: string; subject: string }): string {
  return event.subject === '' ? event.kind : `${event.kind} ${event.subject}`;
}

/** A script and its function: `send::on_mail`. */
export function handlerOf(event: { script?: string | null; handler?: string | null }): string {
  return event.handler ? `${event.script ?? '?'}::${event.handler}` : (event.script ?? '');
}

/** Whether a text is the id of an event. */
export function isEventId(text: string): boolean {
  return /^evt_[0-9a-f]{32}$/.test(text);
}
