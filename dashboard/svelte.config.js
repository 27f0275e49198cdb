import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import adapter from '@sveltejs/adapter-static';

/** The same sources give the same name, so that builds are reproducible and an open page notices a new one. */
function versionOfSources() {
  const hash = createHash('sha256');
  const add = (/** @type {string} */ path) => hash.update(path).update('\0').update(readFileSync(path));
  for (const folder of ['src', 'static']) {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .forEach(add);
  }
  ['package-lock.json', 'svelte.config.js', 'vite.config.ts'].forEach(add);
  return hash.digest('hex').slice(0, 16);
}

/** Where to build to; the test that compares builds beside `dist`. */
const out = process.env['DASHBOARD_DIST'] ?? 'dist';

/** @type {import('@sveltejs/kit').Config} */
export default {
  compilerOptions: { runes: true },
  kit: {
    adapter: adapter({ pages: out, assets: out, fallback: '200.html', precompress: true }),
    version: { name: versionOfSources(), pollInterval: 0 },
    // The server reads this policy from the built page and sends it as a header, too.
    csp: {
      mode: 'hash',
      directives: {
        'default-src': ['none'],
        'script-src': ['self'],
        // CodeMirror adds its styles as elements.
        'style-src': ['self', 'unsafe-inline'],
        'img-src': ['self', 'data:'],
        'font-src': ['self'],
        'connect-src': ['self'],
        'manifest-src': ['self'],
        'base-uri': ['none'],
        'form-action': ['self'],
        // No text becomes markup, but for the templates of Svelte itself.
        'require-trusted-types-for': ['script'],
        'trusted-types': ['svelte-trusted-html'],
      },
    },
  },
};
