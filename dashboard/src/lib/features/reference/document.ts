// The OpenAPI document as the reference reads it.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  additionalProperties?: boolean | Schema;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  example?: unknown;
  examples?: unknown[];
  format?: string;
  pattern?: string;
  title?: string;
  minimum?: number;
  maximum?: number;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  description?: string;
  schema?: Schema;
}

type Content = Record<string, { schema?: Schema; example?: unknown }>;

interface RawOperation {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Content };
  responses?: Record<string, { description?: string; content?: Content }>;
  security?: unknown[];
  'x-needs'?: { scope: string | null; whole_instance: boolean };
}

export interface Document {
  info?: { title?: string; description?: string; version?: string };
  paths?: Record<string, Record<string, unknown>>;
  components?: { schemas?: Record<string, Schema> };
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  /** In one line. */
  summary: string;
  parameters: Parameter[];
  body: { type: string; schema: Schema; required: boolean; example?: unknown } | null;
  responses: { status: string; description: string; type: string; schema: Schema | null }[];
  /** What a token needs; nothing for those that anybody may call. */
  needs: { scope: string | null; whole: boolean } | null;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];

/** All operations, in the order of the document. */
export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const raw = item[method] as RawOperation | undefined;
      return raw === undefined ? [] : [operationOf(method, path, raw)];
    }),
  );
}

function operationOf(method: string, path: string, raw: RawOperation): Operation {
  const [type, body] = Object.entries(raw.requestBody?.content ?? {})[0] ?? [];
  const words = [raw.summary, raw.description].filter(Boolean).join('\n\n');
  return {
    id: raw.operationId ?? `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: raw.tags?.[0] ?? 'other',
    summary: words.replaceAll(/\s+/g, ' '),
    parameters: raw.parameters ?? [],
    body:
      type === undefined || body === undefined
        ? null
        : {
            type,
            schema: body.schema ?? {},
            required: raw.requestBody?.required ?? false,
            example: body.example,
          },
    responses: Object.entries(raw.responses ?? {}).map(([status, response]) => {
      const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
      return {
        status,
        description: response.description ?? '',
        type: type ?? '',
        schema: content?.schema ?? null,
      };
    }),
    needs:
      raw.security?.length === 0
        ? null
        : { scope: raw['x-needs']?.scope ?? null, whole: raw['x-needs']?.whole_instance ?? false },
  };
}

/** Operations that have all words of a search, by their tags, both in alphabetical order. */
export function grouped(operations: Operation[], search: string): [string, Operation[]][] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    const { id, method, path, tag, summary } = operation;
    const text = [id, method, path, tag, summary].join('\n').toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    groups.set(tag, [...(groups.get(tag) ?? []), operation]);
  }
  return [...groups].sort(([one], [two]) => one.localeCompare(two));
}

/** A schema itself, where it only names another; what is said about it in this place stays. */
export function resolve(document: Document, schema: Schema): Schema {
  let found = schema;
  for (let steps = 0; found.$ref !== undefined && steps < 10; steps++) {
    const { $ref, ...here } = found;
    const name = $ref.replace('#/components/schemas/', '');
    found = { ...document.components?.schemas?.[name], ...here };
  }
  return found;
}

/** The choices of a schema that is one of several; `null` is told by `typeOf`. */
export function choicesOf(schema: Schema): Schema[] {
  return (schema.oneOf ?? schema.anyOf ?? []).filter(({ type }) => type !== 'null');
}

/** What is said about a schema, here or where it is described. */
export function aboutOf(document: Document, schema: Schema): string {
  const found = resolve(document, schema);
  const choices = choicesOf(found).map((choice) => resolve(document, choice));
  const said = found.description ?? choices.find(({ description }) => description)?.description;
  return said ?? (found.items === undefined ? '' : (resolve(document, found.items).description ?? ''));
}

/** The values that a schema allows, if it names them. */
export function valuesOf(document: Document, schema: Schema): string[] {
  const whole = resolve(document, schema);
  const found = whole.items === undefined ? whole : resolve(document, whole.items);
  const choices = choicesOf(found).map((choice) => resolve(document, choice));
  return [found, ...choices].flatMap((one) => one.enum ?? []).map((value) => JSON.stringify(value));
}

/** Whether a schema has fields, at whatever depth, beside its type. */
export function hasFields(document: Document, schema: Schema, depth = 0): boolean {
  const found = resolve(document, schema);
  if (found.properties !== undefined) return true;
  const inside = [...choicesOf(found), ...(found.items === undefined ? [] : [found.items])];
  return depth < 5 && inside.some((one) => hasFields(document, one, depth + 1));
}

/** The type of a value in words: `list of Route`, `text or null`. */
export function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.replace('#/components/schemas/', '');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const several = schema.oneOf ?? schema.anyOf;
  if (several !== undefined) return [...new Set(several.map(typeOf))].join(' or ');
  if (schema.items !== undefined) {
    const nullable = Array.isArray(schema.type) && schema.type.includes('null') ? ' or null' : '';
    return `list of ${typeOf(schema.items)}${nullable}`;
  }
  if (schema.title !== undefined && schema.properties !== undefined) return schema.title;
  const types = [schema.type ?? []].flat();
  return types.length === 0 ? 'anything' : types.map(wordOf).join(' or ');
}

function wordOf(type: string): string {
  return { string: 'text', integer: 'whole number', boolean: 'true or false' }[type] ?? type;
}
