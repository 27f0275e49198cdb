// Writing scripts: alone, and against somebody else.
import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures';
import type { Server } from '../server';

// A refused deploy is told to the console, too.
test.use({ expected: /status of 4(00|12)/ });

async function appWith(server: Server, app: string, source: string): Promise<string> {
  await server.api('POST', '/apps', { name: app });
  await server.api('POST', `/apps/${app}/releases`, { scripts: { orders: { source } } });
  return `${server.adminUrl}/apps/${app}/scripts/orders`;
}

async function write(page: Page, source: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Source of orders' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(source);
}

async function deploy(page: Page, message: string): Promise<void> {
  await page.getByRole('button', { name: 'Deploy…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Message').fill(message);
  await dialog.getByRole('button', { name: 'Deploy' }).click();
}

const sourceOf = async (server: Server, app: string) =>
  (await server.api<{ source: string }>('GET', `/apps/${app}/scripts/orders`)).source;

test('a script is broken, found out, mended, deployed and rolled back', async ({ owner: page, server }) => {
  const address = await appWith(server, 'bench', '"first"');
  await page.goto(address);
  // What cannot be compiled is told while one types.
  await write(page, 'let list = ;');
  await expect(page.getByText('One error')).toBeVisible();
  await expect(page.getByRole('list', { name: 'Findings' })).toContainText("Unexpected ';'");
  // What fails is told by a test, with its place.
  await write(page, 'let list = [1];\nlog::info("here");\n`second ${list[7]}`');
  await expect(page.getByText('Can be deployed')).toBeVisible();
  await page.keyboard.press('Control+Enter');
  const result = page.getByRole('region', { name: 'Test' });
  await result.getByRole('button', { name: /^line 3/ }).click();
  await expect(page.getByText(/^Line 3, column/)).toBeVisible();
  await result.getByRole('tab', { name: 'Logs (1)' }).click();
  await expect(result.getByText('here', { exact: true })).toBeVisible();
  // The draft survives a reload, is mended and goes live.
  await page.reload();
  await expect(page.getByText('A draft, kept in this browser')).toBeVisible();
  await write(page, 'let list = [1];\n`second ${list[0]}`');
  await page.keyboard.press('Control+Enter');
  await expect(result.getByRole('region', { name: 'answer' })).toHaveText('second 1');
  await result.getByRole('tab', { name: 'Limits' }).click();
  await expect(result.getByText('of 32 MiB')).toBeVisible();
  await deploy(page, 'Second');
  await expect(page.getByText('As it is live in release 2')).toBeVisible();
  expect(await sourceOf(server, 'bench')).toContain('second');
  // Both versions stand beside each other; the first is served again.
  await page.getByRole('link', { name: 'Versions' }).click();
  await expect(page.getByRole('textbox', { name: 'Version 2, live' })).toContainText('second');
  await page.goto(`${server.adminUrl}/apps/bench/releases`);
  await page.getByRole('button', { name: 'Roll back to release 1' }).click();
  await expect(page.getByRole('dialog')).toContainText('orders');
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
  await expect(page.getByText('Release 1 is live')).toBeVisible();
  expect(await sourceOf(server, 'bench')).toBe('"first"');
});

test('what two people change in one script is merged, and nothing of either is lost', async ({
  owner: page,
  server,
}) => {
  const address = await appWith(server, 'two', 'let a = 1;\nlet b = 2;\nlet c = 3;\na + b + c');
  await page.goto(address);
  await write(page, 'let a = 10;\nlet b = 2;\nlet c = 3;\na + b + c');
  // Somebody else changes another line, and the same one.
  const theirs = 'let a = 11;\nlet b = 2;\nlet c = 30;\na + b + c';
  await server.api('POST', '/apps/two/releases', { scripts: { orders: { source: theirs } } });
  await page.getByRole('button', { name: 'Deploy…' }).click();
  const merge = page.getByRole('region', { name: 'Somebody else changed this source' });
  await expect(merge).toContainText('One change of theirs fit');
  await expect(page.getByRole('button', { name: 'Take the merged source' })).toBeDisabled();
  await merge.getByRole('radio', { name: 'Mine' }).check();
  await merge.getByRole('button', { name: 'Take the merged source' }).click();
  await deploy(page, 'Both');
  await expect(page.getByText('As it is live in release 3')).toBeVisible();
  expect(await sourceOf(server, 'two')).toBe('let a = 10;\nlet b = 2;\nlet c = 30;\na + b + c');
});

test('names are completed, and a route is added, matched and deleted', async ({ owner: page, server }) => {
  const address = await appWith(server, 'paths', '"x"');
  await page.goto(address);
  await page.getByRole('textbox', { name: 'Source of orders' }).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('kv::');
  await expect(page.getByRole('option', { name: /collection/ })).toBeVisible();
  await page.goto(`${server.adminUrl}/apps/paths/routes`);
  await page.getByRole('button', { name: 'New route' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Path').fill('/orders/:id');
  await dialog.getByRole('button', { name: 'Look at what changes' }).click();
  await dialog.getByRole('button', { name: 'Deploy' }).click();
  await expect(page.getByRole('button', { name: 'Delete ANY /orders/:id' })).toBeVisible();
  await page.getByLabel('Path').fill('/orders/a%20b?x=1');
  await page.getByRole('button', { name: 'Look', exact: true }).click();
  await expect(page.getByText('a b')).toBeVisible();
  await page.getByRole('button', { name: 'Delete ANY /orders/:id' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('button', { name: 'Delete ANY /orders/:id' })).toBeHidden();
});

test('a script and its routes are deleted, and come back', async ({ owner: page, server }) => {
  const address = await appWith(server, 'gone', '"x"');
  await server.api('POST', '/apps/gone/releases', { scripts: { other: { source: '"y"' } } });
  await page.goto(address);
  await page.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('ANY /orders');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('orders is gone with release 3')).toBeVisible();
  await expect(page).toHaveURL(`${server.adminUrl}/apps/gone/scripts`);
  await server.api('POST', '/apps/gone/rollback', { to: 2 });
  expect(await sourceOf(server, 'gone')).toBe('"x"');
});
