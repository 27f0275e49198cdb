/** What a new script can start as. */
export interface Template {
  id: string;
  title: string;
  about: string;
  name: string;
  /** What a first call asks for, behind the script's path. */
  query: string;
  source: string;
}

export const TEMPLATES: Template[] = [
  {
    id: 'hello',
    title: 'Hello',
    about: 'Answers with a text.',
    name: 'hello',
    query: '?name=you',
    source: `// GET /hello?name=you
let name = req.query.name ?? "world";
\`Hello \${name}\`
`,
  },
  {
    id: 'json',
    title: 'JSON and a counter',
    about: 'Keeps a number in the key-value store and answers with JSON.',
    name: 'visits',
    query: '',
    source: `// GET /visits
let visits = kv::collection("totals").incr("visits");
log::info("a visit", #{ number: visits });
#{ visits: visits }
`,
  },
  {
    id: 'empty',
    title: 'Empty',
    about: 'Starts with nothing but the shape.',
    name: 'script',
    query: '',
    source: `// req has the request: req.method, req.path, req.query, req.headers, req.json
#{ path: req.path }
`,
  },
];
