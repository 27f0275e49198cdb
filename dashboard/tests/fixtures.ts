import { mkdirSync } from 'node:fs';
import { expect, test as base, type Page } from '@playwright/test';
import axe from 'axe-core';
import { seed } from './seed';
import { Server } from './server';

export { expect };

interface Shared {
  /** A server with an owner and what `seed` makes; tests change only what they made themselves. */
  server: Server;
  cookie: { name: string; value: string; url: string };
}

interface Fixtures {
  /** The console messages that a test expects; every other error fails it. */
  expected: RegExp;
  /** A page of somebody signed in as the owner; nothing is open yet. */
  owner: Page;
}

const NOTHING = /(?!)/;

/** What goes wrong in a page without anybody seeing it. */
async function watch(page: Page, expected: RegExp): Promise<string[]> {
  const found: string[] = [];
  const add = (text: string) => {
    if (!expected.test(text)) found.push(text);
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      add(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => add(`error: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!['data:', 'blob:'].includes(url.protocol) && !Server.origins.has(url.origin))
      add(`foreign request: ${url}`);
  });
  // Before the page's own scripts; what the policy stops is told to the console, too.
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  return found;
}

export const test = base.extend<Fixtures, Shared>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await seed(server);
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
  cookie: [async ({ server }, use) => use(await server.setUp()), { scope: 'worker' }],
  expected: [NOTHING, { option: true }],
  page: async ({ page, expected }, use) => {
    const found = await watch(page, expected);
    await use(page);
    expect(found).toEqual([]);
    expect(await page.evaluate(() => 'broken' in window), 'a hostile text ran').toBe(false);
  },
  owner: async ({ page, cookie }, use) => {
    await page.context().addCookies([cookie]);
    await use(page);
  },
});

type Theme = 'light' | 'dark';

/** The four ways in which every page is looked at. Of two at one width only colours differ. */
const LOOKS: { theme: Theme; width: number; rules: 'all' | 'colours' }[] = [
  { theme: 'light', width: 1280, rules: 'all' },
  { theme: 'dark', width: 1280, rules: 'colours' },
  { theme: 'dark', width: 360, rules: 'all' },
  { theme: 'light', width: 360, rules: 'colours' },
];

/** Looks at an open page in all four ways: nothing sticks out, axe finds nothing. Leaves pictures behind. */
export async function look(page: Page, name: string): Promise<void> {
  mkdirSync('screenshots', { recursive: true });
  await page.evaluate(axe.source);
  for (const { theme, width, rules } of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate((value) => (document.documentElement.dataset['theme'] = value), theme);
    await page.screenshot({ path: `screenshots/${name}-${theme}-${width}.png`, fullPage: true });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${name} fits ${width} px`).toBeLessThanOrEqual(0);
    expect(await violations(page, rules), `${name}, ${theme}, ${width} px`).toEqual([]);
  }
}

/** What axe finds in a page that has its source. */
async function violations(page: Page, rules: 'all' | 'colours'): Promise<string[]> {
  return page.evaluate(async (only) => {
    const { axe: inside } = window as unknown as { axe: typeof axe };
    const found = await inside.run(document, {
      resultTypes: ['violations'],
      ...(only === 'colours' ? { runOnly: ['color-contrast'] } : {}),
    });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
  }, rules);
}
