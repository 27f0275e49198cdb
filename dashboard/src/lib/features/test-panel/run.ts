import { api, ok, type Schemas } from '$lib/api/client';
import { Problem } from '$lib/api/problem';
import { headersOf, TOP, type TestRequest } from './request';

/** What a test came to. */
export interface Tested {
  result: Schemas['RunResult'];
  /** What was called, in words. */
  called: string;
}

/** Runs a draft with a request, the way its route would. Its effects are real. */
export async function runDraft(
  app: string,
  script: string,
  source: string,
  request: TestRequest,
): Promise<Tested> {
  const parsed = headersOf(request.headers);
  if ('wrong' in parsed) {
    const detail = `A header is written as “Name: value”, not “${parsed.wrong}”.`;
    throw new Problem({ title: 'This is no header', detail, code: 'dashboard', status: 0 });
  }
  const target = await targetOf(app, script, request);
  const result = await ok(
    api.POST('/api/v1/apps/{app}/scripts/{script}/run', {
      params: { path: { app, script } },
      body: {
        source,
        handler: target.handler,
        request: {
          method: request.method,
          path: request.path,
          headers: parsed.headers,
          params: target.params,
          body: request.body === '' ? null : request.body,
        },
      },
    }),
  );
  return { result, called: target.called };
}

interface Target {
  handler: Schemas['RunRequest']['handler'];
  params: Record<string, string>;
  called: string;
}

/** The function a request goes to, and the parameters of its path. */
async function targetOf(app: string, script: string, request: TestRequest): Promise<Target> {
  const path = request.path.split(/[?#]/)[0] || '/';
  const match = await ok(
    api.POST('/api/v1/apps/{app}/routes/match', {
      params: { path: { app } },
      body: { method: request.method, path },
    }),
  );
  const ours = match.route?.script === script ? match.route : null;
  const params = ours ? match.params : {};
  if (request.handler === TOP) return { handler: null, params, called: 'the top level' };
  if (request.handler !== '') return { handler: request.handler, params, called: `fn ${request.handler}` };
  if (ours === null) {
    return {
      handler: null,
      params,
      called: 'the top level, because no route of this script answers the path',
    };
  }
  const route = `${ours.method ?? 'ANY'} ${ours.path}`;
  return {
    handler: ours.handler ?? null,
    params,
    called: `${route}, ${ours.handler ? `fn ${ours.handler}` : 'the top level'}`,
  };
}
