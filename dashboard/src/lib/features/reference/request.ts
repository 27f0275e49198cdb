import { resolve, choicesOf, type Document, type Operation, type Schema } from './document';
import type { RawRequest } from '$lib/api/raw';

const DEEPEST = 6;

/** A value that fits a schema: its example, else one with what it must have. */
export function exampleOf(document: Document, schema: Schema, depth = 0): unknown {
  const found = resolve(document, schema);
  if (found.example !== undefined) return found.example;
  if (found.examples?.[0] !== undefined) return found.examples[0];
  if (found.const !== undefined) return found.const;
  if (found.default !== undefined) return found.default;
  if (found.enum !== undefined) return found.enum[0];
  const choice = choicesOf(found)[0];
  if (choice !== undefined) return depth > DEEPEST ? null : exampleOf(document, choice, depth + 1);
  const type = [found.type ?? []].flat().find((one) => one !== 'null');
  if (type === 'array') return [];
  if (type === 'object' || found.properties !== undefined) {
    if (depth > DEEPEST) return {};
    const required = found.required ?? [];
    const fields = Object.entries(found.properties ?? {}).filter(([name]) => required.includes(name));
    return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(document, field, depth + 1)]));
  }
  return { string: '', integer: found.minimum ?? 0, number: 0, boolean: false }[type ?? ''] ?? null;
}

/** What the form of an operation holds: parameters by place and name, and the body. */
export interface Form {
  values: Record<string, string>;
  body: string;
}

export const keyOf = (parameter: { in: string; name: string }) => `${parameter.in}:${parameter.name}`;

/** The request that a form describes; empty parameters are left out, but those of the path. */
export function requestOf(operation: Operation, form: Form): RawRequest {
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let path = operation.path;
  for (const parameter of operation.parameters) {
    const value = form.values[keyOf(parameter)] ?? '';
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === '') continue;
    else if (parameter.in === 'query') query.set(parameter.name, value);
    else if (parameter.in === 'header') headers[parameter.name] = value;
  }
  const text = query.toString();
  const request = { method: operation.method, path: text === '' ? path : `${path}?${text}`, headers };
  if (operation.body === null || form.body.trim() === '') return request;
  return {
    ...request,
    headers: { ...headers, 'content-type': operation.body.type },
    body: form.body,
  };
}

/** The parameters of the path that are still empty: without them it would be another path. */
export function missingOf(operation: Operation, form: Form): string[] {
  return operation.parameters
    .filter((parameter) => parameter.in === 'path' && (form.values[keyOf(parameter)] ?? '') === '')
    .map(({ name }) => name);
}

/** The same request with curl, for a POSIX shell; the token is the caller's own. */
export function curlOf(request: RawRequest, origin: string, open: boolean): string {
  const lines = [
    `curl ${request.method === 'GET' ? '' : `-X ${request.method} `}${quoted(origin + request.path)}`,
  ];
  if (!open) lines.push('-H "Authorization: Bearer $PIC_TOKEN"');
  for (const [name, value] of Object.entries(request.headers))
    lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (request.body !== undefined) lines.push(`--data-raw ${quoted(request.body)}`);
  return lines.join(' \\\n  ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
