import { readFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import { expect, test } from 'vitest';

test('the committed types are those of the committed OpenAPI document; `npm run generate` writes them', async () => {
  const document = JSON.parse(readFileSync('../api/openapi.json', 'utf8'));
  const generated = astToString(await openapiTS(document));
  const committed = readFileSync('src/lib/api/schema.d.ts', 'utf8');
  // The command line puts a note before what the library gives.
  expect(committed.endsWith(generated)).toBe(true);
});
