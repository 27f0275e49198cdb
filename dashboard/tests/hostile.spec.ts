// What scripts write is shown as it is written, and nothing of it does anything.
import { visible } from '../src/lib/format/text';
import { CORPUS } from './corpus';
import { expect, test } from './fixtures';
import type { Server } from './server';

const APP = 'odd';
/** Pages that show what runs of the app said. */
const PAGES = ['/', `/apps/${APP}`, `/apps/${APP}/executions`];
// Logs its text and fails with it.
const SOURCE = 'let text = req.json.text;\nlog::warn(text, #{ text: text });\nthrow text;';

/** An app whose script said everything in the corpus. */
async function sayEverything(server: Server): Promise<void> {
  await server.api('POST', '/apps', { name: APP });
  await server.api('POST', `/apps/${APP}/releases`, { scripts: { echo: { source: SOURCE } } });
  const url = `${server.adminUrl}/api/v1/apps/${APP}/scripts/echo/invoke`;
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const say = (text: string) => fetch(url, { method: 'POST', headers, body: JSON.stringify({ text }) });
  for (const text of CORPUS) await (await say(text)).arrayBuffer();
}

test('five hundred odd texts are texts', async ({ owner, server }) => {
  expect(CORPUS.length).toBeGreaterThan(500);
  await sayEverything(server);
  for (const path of PAGES) {
    await owner.goto(server.adminUrl + path);
    await expect(owner.getByText(/window\.broken|a a a/).first()).toBeVisible();
    const more = owner.getByRole('button', { name: 'Show more' });
    while (await more.isVisible()) await more.click({ timeout: 2000 }).catch(() => undefined);
    for (const width of [1280, 360]) {
      await owner.setViewportSize({ width, height: 800 });
      const wide = await owner.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide, `${path} fits ${width} px`).toBeLessThanOrEqual(0);
    }
  }
  // All are there, in the words they were written in.
  const shown = await owner.evaluate(() => document.body.innerText);
  for (const text of ['<svg onload=window.broken=1>', '\u202etxt.exe', '${window.broken=1}', 'שלום עולם']) {
    expect(shown).toContain(visible(text));
  }
});
