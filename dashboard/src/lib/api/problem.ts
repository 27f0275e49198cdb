import type { components } from './schema';

type Diagnostic = components['schemas']['Diagnostic'];

interface Fields {
  title: string;
  detail: string;
  code: string;
  status: number;
  requestId?: string;
  diagnostics?: Diagnostic[];
}

/** What went wrong with a call, in the server's words. */
export class Problem extends Error {
  readonly title: string;
  readonly detail: string;
  /** A stable word, like `not_found`; `/docs/errors/{code}` explains it. */
  readonly code: string;
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly requestId: string | undefined;
  readonly diagnostics: Diagnostic[];

  constructor(fields: Fields) {
    super(fields.detail || fields.title);
    this.name = 'Problem';
    this.title = fields.title;
    this.detail = fields.detail;
    this.code = fields.code;
    this.status = fields.status;
    this.requestId = fields.requestId;
    this.diagnostics = fields.diagnostics ?? [];
  }

  /** Of an answer that is not a success; `body` is what it held, JSON or not. */
  static of(body: unknown, response: Response): Problem {
    const found = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
    const text = (name: string) => (typeof found[name] === 'string' ? found[name] : undefined);
    return new Problem({
      title: text('title') ?? `The server answered ${response.status}`,
      detail: text('detail') ?? 'What answered is perhaps a proxy in front of the server.',
      code: text('code') ?? 'unknown',
      status: response.status,
      requestId: text('request_id') ?? response.headers.get('x-request-id') ?? undefined,
      diagnostics: Array.isArray(found['diagnostics']) ? (found['diagnostics'] as Diagnostic[]) : [],
    });
  }

  /** Of anything that was thrown. */
  static from(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem({
      title: 'Something went wrong in this page',
      detail: error instanceof Error ? error.message : String(error),
      code: 'dashboard',
      status: 500,
    });
  }

  /** Whether the caller is signed in no longer. */
  get signedOut(): boolean {
    return this.status === 401;
  }
}

/** That nothing answered. */
export function unreachable(cause: unknown): Problem {
  const problem = new Problem({
    title: 'The server does not answer',
    detail: 'It may be restarting, or the network is away. Nothing is lost; try again in a moment.',
    code: 'unreachable',
    status: 0,
  });
  problem.cause = cause;
  return problem;
}
