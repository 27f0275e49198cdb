// Lines as they are written: paused, filtered, downloaded.
import { readFileSync } from 'node:fs';
import { expect, test } from '../fixtures';
import { until } from '../seed';

const SAY = 'log::info(req.query.text ?? "nothing"); ""';

test('lines come live, wait while it is paused, and are filtered and downloaded', async ({
  owner,
  server,
}) => {
  await server.api('POST', '/apps', { name: 'talk' });
  await server.api('POST', '/apps/talk/releases', { scripts: { say: { source: SAY } } });
  const say = (text: string) =>
    server.api('POST', '/apps/talk/scripts/say/run', {
      request: { method: 'GET', path: `/?text=${encodeURIComponent(text)}` },
    });
  const line = (text: string) => owner.getByRole('listitem').filter({ hasText: text });

  await owner.goto(`${server.adminUrl}/apps/talk/logs`);
  await expect(owner.getByText('Live', { exact: true })).toBeVisible();
  await say('first <b>line</b>');
  await expect(line('first <b>line</b>')).toBeVisible();
  await owner.getByRole('button', { name: 'Pause' }).click();
  await expect(owner.getByText('Paused', { exact: true })).toBeVisible();
  await say('second line');
  await until(async () => {
    const { items } = await server.api<{ items: unknown[] }>('GET', '/apps/talk/logs');
    return items.length === 2;
  });
  await expect(line('second line')).toHaveCount(0);
  await owner.getByRole('button', { name: 'Go on' }).click();
  await expect(line('second line')).toBeVisible();
  await expect(line('first <b>line</b>')).toHaveCount(1);

  const [download] = await Promise.all([
    owner.waitForEvent('download'),
    owner.getByRole('button', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('talk-log.ndjson');
  const lines = readFileSync(await download.path(), 'utf8')
    .trim()
    .split('\n');
  expect(lines.map((one) => JSON.parse(one).message)).toEqual(['first <b>line</b>', 'second line']);

  await owner.getByLabel('Containing').fill('second');
  await owner.getByLabel('Containing').press('Enter');
  await expect(line('first <b>line</b>')).toHaveCount(0);
  await expect(owner.getByText('Live', { exact: true })).toBeVisible();
  await say('third line');
  await say('the second again');
  await expect(line('the second again')).toBeVisible();
  await expect(line('third line')).toHaveCount(0);
  // A line is shown before it is stored.
  await until(async () => {
    const { items } = await server.api<{ items: unknown[] }>('GET', '/apps/talk/logs');
    return items.length === 4;
  });
  await owner.getByLabel('Level').selectOption('error');
  await expect(owner.getByText('fits these filters')).toBeVisible();
  await owner.getByRole('button', { name: 'Clear' }).click();
  await expect(line('third line')).toBeVisible();
});

test('logs of several apps are one', async ({ owner, server }) => {
  for (const app of ['left', 'right']) {
    await server.api('POST', '/apps', { name: app });
    await server.api('POST', `/apps/${app}/releases`, { scripts: { say: { source: SAY } } });
  }
  await owner.goto(`${server.adminUrl}/logs?apps=left,right`);
  await expect(owner.getByText('Live', { exact: true })).toBeVisible();
  for (const app of ['left', 'right']) {
    await server.api('POST', `/apps/${app}/scripts/say/run`, {
      request: { method: 'GET', path: `/?text=from-${app}` },
    });
  }
  await expect(owner.getByText('from-left')).toBeVisible();
  await expect(owner.getByText('from-right')).toBeVisible();
  await until(async () => {
    const { items } = await server.api<{ items: unknown[] }>('GET', '/apps/right/logs');
    return items.length === 1;
  });
  await owner.getByLabel('left', { exact: true }).uncheck();
  await expect(owner.getByText('from-left')).toHaveCount(0);
  await expect(owner.getByText('from-right')).toBeVisible();
});
