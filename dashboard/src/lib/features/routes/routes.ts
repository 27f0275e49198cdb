import type { Schemas } from '$lib/api/client';
import { wholeOf } from '$lib/features/releases/plan';

type RouteSpec = Schemas['RouteSpec'];

/** What names a route: its method and path. */
export function nameOf(route: RouteSpec): string {
  return `${route.method ?? 'ANY'} ${route.path}`;
}

/** A deploy with a route more, in the place of `old` if there is one. */
export function withRoute(
  snapshot: Schemas['Snapshot'],
  old: RouteSpec | null,
  route: RouteSpec | null,
): Schemas['DeployRequest'] {
  const others = snapshot.routes.filter((one) => old === null || nameOf(one) !== nameOf(old));
  return { ...wholeOf(snapshot), routes: route === null ? others : [...others, route] };
}

/** A route as a form has it: everything is a text or a switch. */
export interface RouteForm {
  method: NonNullable<RouteSpec['method']>;
  path: string;
  script: string;
  handler: string;
  auth: NonNullable<RouteSpec['auth']>;
  mode: NonNullable<RouteSpec['mode']>;
  /** One a line, as the lists below; without any there are no cross-origin rules. */
  origins: string;
  headers: string;
  expose: string;
  credentials: boolean;
  maxAge: string;
}

/** A form of a route, or of a new one. */
export function formOf(route: RouteSpec | null, script: string): RouteForm {
  const cors = route?.cors ?? null;
  return {
    method: route?.method ?? 'ANY',
    path: route?.path ?? `/${script}`,
    script: route?.script ?? script,
    handler: route?.handler ?? '',
    auth: route?.auth ?? 'public',
    mode: route?.mode ?? 'sync',
    origins: (cors?.origins ?? []).join('\n'),
    headers: (cors?.headers ?? []).join('\n'),
    expose: (cors?.expose ?? []).join('\n'),
    credentials: cors?.credentials ?? false,
    maxAge: cors?.max_age ?? '',
  };
}

/** The route a form says. */
export function routeOf(form: RouteForm): RouteSpec {
  const { method, auth, mode } = form;
  const route: RouteSpec = { method, path: form.path.trim(), script: form.script, auth, mode };
  if (form.handler.trim() !== '') route.handler = form.handler.trim();
  const origins = listed(form.origins);
  if (origins.length === 0) return route;
  const maxAge = form.maxAge.trim();
  return {
    ...route,
    cors: {
      origins,
      headers: listed(form.headers),
      expose: listed(form.expose),
      credentials: form.credentials,
      ...(maxAge === '' ? {} : { max_age: maxAge }),
    },
  };
}

function listed(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter(Boolean);
}
