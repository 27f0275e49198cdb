import type { Schemas } from '$lib/api/client';

/** A request as the test panel has it. */
export interface TestRequest {
  method: Schemas['Method'];
  /** Path and query. */
  path: string;
  /** `Name: value`, one a line. */
  headers: string;
  body: string;
  /** The function to call; empty: as the route says. `TOP`: the top level. */
  handler: string;
}

/** Stands for the top level where a function could be named. */
export const TOP = '(top level)';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** Headers as a map, or the first line that is none. */
export function headersOf(text: string): { headers: Record<string, string> } | { wrong: string } {
  const headers: Record<string, string> = {};
  for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
    const match = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*?)\s*$/.exec(line);
    if (match === null) return { wrong: line };
    const name = (match[1] ?? '').toLowerCase();
    headers[name] = headers[name] === undefined ? (match[2] ?? '') : `${headers[name]}, ${match[2] ?? ''}`;
  }
  return { headers };
}

/** A request to begin with: to the first route of a script. */
export function firstRequest(routes: Schemas['RouteSpec'][], script: string): TestRequest {
  const route = routes.find((one) => one.script === script);
  const method = route?.method === undefined || route.method === 'ANY' ? 'GET' : route.method;
  const path = (route?.path ?? `/${script}`).replace(/:\w+/g, '1').replace(/\*\w*/g, 'x');
  return { method, path, headers: '', body: '', handler: '' };
}

/** Functions of a source that could be called with a request. */
export function handlersOf(source: string): string[] {
  return [...new Set([...source.matchAll(/^\s*fn\s+(\w+)\s*\(/gm)].map(([, name]) => name as string))];
}
