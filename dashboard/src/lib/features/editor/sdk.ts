// What the guide says about the functions of PiCloud: docs/guide/scripts.md. A test compares both.

/** A function or property to be completed. */
export interface Known {
  name: string;
  /** The arguments; absent for a property. */
  args?: string;
  about: string;
}

const fn = (name: string, args: string, about: string): Known => ({ name, args, about });
const field = (name: string, about: string): Known => ({ name, about });

/** Functions by namespace, as in `kv::collection`. */
export const NAMESPACES: Record<string, Known[]> = {
  base64: [
    fn('encode', 'value', 'base64 of a text or blob'),
    fn('decode', 'text', 'the blob a base64 text stands for'),
    fn('encode_url', 'value', 'base64 in the alphabet of URLs'),
    fn('decode_url', 'text', 'the blob, from the alphabet of URLs'),
  ],
  crypto: [
    fn('sha256', 'value', 'the hash, in hexadecimal'),
    fn('sha512', 'value', 'the hash, in hexadecimal'),
    fn('blake3', 'value', 'the hash, in hexadecimal'),
    fn('hmac', 'key, message', 'HMAC-SHA-256; a third argument names "sha256", "sha512" or "sha1"'),
    fn('equals', 'a, b', 'whether they are the same, in a time that does not tell where they differ'),
  ],
  dead_letters: [
    fn('list', '', 'the newest; #{limit} from 1 to 100'),
    fn('replay', 'id', 'delivers it again; whether it was there. A second argument replaces its fields'),
    fn('discard', 'id', 'removes it; whether it was there'),
  ],
  env: [fn('get', 'name', 'an environment variable of the app, as text; a second argument is the default')],
  hex: [
    fn('encode', 'value', 'hexadecimal of a text or blob'),
    fn('decode', 'text', 'the blob a hexadecimal text stands for'),
  ],
  html: [fn('escape', 'value', 'as text of a page: for every value that goes into one')],
  invoke: [
    fn('call', 'script, args', 'the value of another script of the app, which gets `event.args`'),
    fn('later', 'script, args', 'runs the script once this call is done; the id of the event'),
  ],
  json: [
    fn('parse', 'text_or_blob', 'the value; #{big: "text"} keeps the digits of large numbers'),
    fn('stringify', 'value', 'JSON in one line'),
    fn('pretty', 'value', 'JSON with indentation'),
  ],
  kv: [fn('collection', 'name', 'a collection of the key-value store; it needs no creation')],
  log: [
    fn('trace', 'message', 'logs, with a map of fields as second argument'),
    fn('debug', 'message', 'logs, with a map of fields as second argument'),
    fn('info', 'message', 'logs, with a map of fields as second argument'),
    fn('warn', 'message', 'logs, with a map of fields as second argument'),
    fn('error', 'message', 'logs, with a map of fields as second argument'),
  ],
  pubsub: [fn('publish', 'topic, message', 'the event’s id; options: #{delay, idempotency_key, unique_for}')],
  queue: [
    fn(
      'send',
      'name, message',
      'the event’s id; options: #{key, delay, idempotency_key, unique_for, attempts}',
    ),
    fn('send_many', 'name, messages', 'the ids of at most 1,000 messages: all are sent or none'),
    fn('depth', 'name', 'how many messages are not handled yet'),
  ],
  random: [
    fn('int', 'from, to', 'a whole number, both ends included'),
    fn('float', '', 'a number from 0 to 1'),
    fn('bytes', 'n', 'a blob'),
    fn('string', 'n', 'letters and digits'),
    fn('uuid', '', 'a UUID'),
    fn('choice', 'array', 'one of its items'),
  ],
  response: [
    fn('json', 'value', 'answers with JSON'),
    fn('text', 'value', 'answers with plain text'),
    fn('html', 'text', 'answers with a page'),
    fn('blob', 'blob', 'answers with bytes; a second argument is their content type'),
    fn('status', 'status', 'a status, 200 to 599, without a body'),
    fn('redirect', 'url', '302, or the status that is the second argument'),
    fn('stream', '|out| { }', 'a body in pieces, by out.write(…)'),
  ],
  retry: [fn('run', 'function', 'runs it until it ends without an error; #{attempts, backoff} before it')],
  time: [
    fn('now', '', 'the time as text in UTC'),
    fn('now_ms', '', 'milliseconds since 1970'),
    fn('parse', 'text', 'milliseconds since 1970'),
    fn('format', 'time', 'text in UTC, or in the format that is the second argument'),
    fn('add', 'time, duration', 'text; "-1h" for earlier'),
    fn('diff', 'later, earlier', 'milliseconds'),
    fn('in_zone', 'time, zone', 'text with the offset of a zone like "Europe/Berlin"'),
    fn('sleep', 'duration', 'waits; other scripts run meanwhile'),
  ],
  tx: [fn('run', 'function', 'its writes and messages happen together, or not at all')],
  url: [fn('encode', 'value', 'for a part of a path or a query'), fn('decode', 'text', 'the text')],
};

/** What a collection of the key-value store can do. */
export const COLLECTION: Known[] = [
  fn('get', 'key', 'the value, or ()'),
  fn('get_many', 'keys', 'values in the order of at most 1,000 keys'),
  fn('get_with_version', 'key', '#{value, version, expires_at}, or ()'),
  fn('set', 'key, value', 'the new version; options: #{ttl, if_version, if_absent}'),
  fn('delete', 'key', 'whether it was there'),
  fn('has', 'key', 'whether it is there'),
  fn('incr', 'key', 'the new number; a second argument says by how much'),
  fn('min', 'key, number', 'keeps the smaller of both'),
  fn('max', 'key, number', 'keeps the larger of both'),
  fn('append', 'key, value', 'the new length of the array at the key'),
  fn('list', '', '#{items, cursor}; #{prefix, start, end, limit, cursor, reverse}'),
  fn('count', '', 'a number; a prefix may be given'),
];

/** What a response can be given. */
export const RESPONSE: Known[] = [
  fn('status', 'status', 'its status'),
  fn('header', 'name, value', 'one header more'),
  fn('cookie', 'name, value', 'a cookie; options: path, domain, max_age, http_only, secure, same_site'),
];

/** What stands behind the dot of the names every script has. */
export const FIELDS: Record<string, Known[]> = {
  req: [
    field('method', 'GET, POST …'),
    field('path', 'the path, without the query'),
    field('url', 'the whole address'),
    field('host', 'the host, without the port'),
    field('ip', 'the address of the client'),
    field('params', 'map of the path’s parameters'),
    field('query', 'map of the query; the last value of a name'),
    field('query_all', 'map of the query; a list of all values of a name'),
    field('headers', 'headers["x-name"], in any case'),
    field('cookies', 'map'),
    field('body', 'blob: the raw bytes'),
    field('text', 'the body as text'),
    field('json', 'the body’s JSON'),
    field('form', 'map of a form’s body'),
    field('form_all', 'the same with a list of all values of a name'),
  ],
  event: [
    field('kind', 'the kind of its trigger'),
    field('id', 'the same in every attempt'),
    field('time', 'when it happened'),
    field('name', 'queue: the queue'),
    field('message', 'queue, pubsub: what was sent'),
    field('key', 'queue, kv: the key'),
    field('topic', 'pubsub: the topic'),
    field('collection', 'kv: the collection'),
    field('op', 'kv: "set" or "delete"'),
    field('value', 'kv: the new value'),
    field('old', 'kv: the value before'),
    field('args', 'invoke: the arguments'),
    field('schedule', 'cron: the schedule'),
    field('scheduled_for', 'cron: the time it was due'),
    field('timezone', 'cron: its zone'),
  ],
  ctx: [
    field('app', 'the app’s name'),
    field('script', 'the script’s name'),
    field('version', 'the script’s version number'),
    field('execution_id', 'of this run'),
    field('request_id', 'of this run'),
    field('trigger', 'why it runs'),
    field('attempt', 'which try of the event this is, from 1'),
    field('depth', 'how many events led here'),
    field('event_id', 'the event’s id, or ()'),
    field('root', 'what everything has in common that follows from one request'),
    field('env', 'map of the app’s environment variables'),
  ],
};

export const WORDS =
  'let const if else switch while loop do until for in break continue return throw try catch fn private import export as true false this global'.split(
    ' ',
  );
