// A dead letter is read, edited, delivered again; many at once; deleted.
import { expect, look, test } from '../fixtures';
import type { Server } from '../server';
import { until } from '../seed';

const HANDLER =
  'if event.message.good != true { throw "bad <i>message</i>" } log::info(`took ${event.message.id}`);';

async function mailbox(server: Server, app: string, messages: string[]): Promise<void> {
  const send = 'for text in req.json { queue::send("post", json::parse(text)) } ""';
  await server.api('POST', '/apps', { name: app });
  await server.api('POST', `/apps/${app}/releases`, {
    scripts: { send: { source: send }, take: { source: HANDLER } },
    triggers: [{ kind: 'queue', queue: 'post', script: 'take', retry: { attempts: 1 } }],
  });
  await server.api('POST', `/apps/${app}/scripts/send/run`, {
    request: {
      method: 'POST',
      path: '/',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(messages),
    },
  });
  await until(async () => (await dead(server, app)) === messages.length);
}

async function dead(server: Server, app: string): Promise<number> {
  return (await server.api<{ items: unknown[] }>('GET', `/apps/${app}/dead-letters`)).items.length;
}

test('a dead letter is edited and delivered again, and no digit is lost', async ({ owner, server }) => {
  await mailbox(server, 'edit', ['{"id": 9007199254740993, "good": false}']);
  await owner.goto(`${server.adminUrl}/apps/edit/dead-letters`);
  await owner.getByRole('link', { name: 'queue post' }).click();
  await expect(owner.getByRole('region', { name: 'Error', exact: true })).toContainText('bad <i>message</i>');
  await look(owner, 'dead-letter');

  const payload = owner.getByLabel('Payload');
  await expect(payload).toHaveValue(/9007199254740993/);
  const text = await payload.inputValue();
  await payload.fill(text.slice(1));
  await expect(owner.getByText('This is no JSON')).toBeVisible();
  await expect(owner.getByRole('button', { name: 'Deliver again, changed' })).toBeDisabled();
  await owner.getByRole('button', { name: 'Undo the change' }).click();
  await payload.fill(text.replace('"good": false', '"good": true'));
  await owner.getByRole('button', { name: 'Deliver again, changed' }).click();

  await expect(owner.getByRole('heading', { name: 'Event' })).toBeVisible();
  await expect(owner.getByText('handled', { exact: true })).toBeVisible();
  await owner.getByRole('row').filter({ hasText: 'ok 204' }).getByRole('link').click();
  await expect(owner.getByText('took 9007199254740993')).toBeVisible();
  expect(await dead(server, 'edit')).toBe(0);
});

test('many are delivered again, and those that die again come back', async ({ owner, server }) => {
  await mailbox(server, 'many', ['{"id": 1}', '{"id": 2}', '{"id": 3}']);
  await owner.goto(`${server.adminUrl}/apps/many/dead-letters`);
  await owner.getByRole('checkbox').nth(1).check();
  await owner.getByRole('checkbox').nth(2).check();
  await expect(owner.getByText('2 chosen')).toBeVisible();
  await owner.getByRole('button', { name: 'Deliver again', exact: true }).click();
  await expect(owner.getByText('2 events on the way again')).toBeVisible();
  await until(async () => (await dead(server, 'many')) === 3);
  await expect(owner.getByRole('link', { name: 'queue post' })).toHaveCount(3);
  await owner.getByRole('button', { name: 'Deliver all again' }).click();
  await owner.getByRole('button', { name: 'Deliver all', exact: true }).click();
  await expect(owner.getByText(/^\d events on the way again$/).last()).toBeVisible();
});

test('some are deleted, then all', async ({ owner, server }) => {
  await mailbox(server, 'gone', ['{"id": 1}', '{"id": 2}', '{"id": 3}']);
  await owner.goto(`${server.adminUrl}/apps/gone/dead-letters`);
  await owner.getByRole('checkbox').nth(1).check();
  await owner.getByRole('button', { name: 'Delete', exact: true }).click();
  await owner.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(owner.getByRole('link', { name: 'queue post' })).toHaveCount(2);
  await owner.getByRole('button', { name: 'Delete all' }).click();
  await owner.getByLabel('Type gone to confirm').fill('gone');
  await owner.getByRole('dialog').getByRole('button', { name: 'Delete all' }).click();
  await expect(owner.getByText('2 events deleted')).toBeVisible();
  await expect(owner.getByText('No dead letters')).toBeVisible();
  expect(await dead(server, 'gone')).toBe(0);
});
