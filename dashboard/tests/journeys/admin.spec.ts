// What an owner looks after: variables and secrets, tokens, domains, what was changed, the API.
import { expect, test } from '../fixtures';

test.describe('variables', () => {
  test.use({ expected: /status of 412/ });

  test('are set, given to a webhook beside the old secret, and deleted', async ({ owner, server }) => {
    const trigger = {
      kind: 'webhook',
      path: '/hooks/in',
      provider: 'github',
      secret: 'HOOK',
      script: 'hook',
    };
    await server.api('POST', '/apps', { name: 'keys' });
    const scripts = { hook: { source: 'log::info("called");' } };
    await server.api('POST', '/apps/keys/releases', { scripts, triggers: [trigger] });
    const env = () => server.api<{ items: { name: string; value: string }[] }>('GET', '/apps/keys/env');

    await owner.goto(`${server.adminUrl}/apps/keys/env`);
    await expect(owner.getByRole('heading', { name: 'Webhooks without a secret' })).toBeVisible();
    await owner.getByRole('button', { name: 'Set it' }).click();
    await owner.getByRole('button', { name: 'Make a secret' }).click();
    const made = await owner.getByRole('textbox', { name: 'Value' }).inputValue();
    expect(made).toMatch(/^[0-9a-f]{64}$/);
    await owner.getByRole('button', { name: 'Set', exact: true }).click();
    await expect(owner.getByRole('heading', { name: 'Webhooks without a secret' })).toHaveCount(0);
    expect((await env()).items).toMatchObject([{ name: 'HOOK', value: made }]);

    // Another one, while senders still have the old one; somebody else changes something meanwhile.
    await owner.getByRole('button', { name: 'Change HOOK' }).click();
    await owner.getByRole('textbox', { name: 'Value' }).fill('the new secret');
    await server.api('PUT', '/apps/keys/env/OTHER', { value: 'a value nobody sees' });
    await owner.getByRole('button', { name: 'Set', exact: true }).click();
    await expect(owner.getByRole('alert')).toContainText('precondition_failed');
    await owner.getByRole('button', { name: 'Set', exact: true }).click();
    await expect(owner.getByText('2 secrets are taken')).toBeVisible();
    expect((await env()).items).toMatchObject([
      { name: 'HOOK', value: `the new secret\n${made}` },
      { name: 'OTHER' },
    ]);
    expect(await owner.content()).not.toContain('a value nobody sees');
    expect(await owner.content()).not.toContain(made);

    await owner.getByRole('button', { name: 'Delete HOOK' }).click();
    await expect(owner.getByRole('dialog')).toContainText('refused from then on');
    await owner.getByRole('button', { name: 'Delete', exact: true }).click();
    await expect(owner.getByRole('heading', { name: 'Webhooks without a secret' })).toBeVisible();
    expect((await env()).items).toMatchObject([{ name: 'OTHER' }]);
  });
});

test('a token is made, used elsewhere, and revoked under its user', async ({ owner, server }) => {
  await owner.goto(`${server.adminUrl}/tokens`);
  await owner.getByRole('button', { name: 'New token' }).first().click();
  await owner.getByRole('textbox', { name: 'Name' }).fill('laptop <b>of Ada</b>');
  await owner.getByRole('checkbox', { name: /^read/ }).check();
  await owner.getByRole('checkbox', { name: /^deploy/ }).uncheck();
  await owner.getByRole('combobox', { name: 'For' }).selectOption('shop');
  await owner.getByRole('button', { name: 'Make the token' }).click();
  const secret = (await owner.getByRole('region', { name: 'the token' }).innerText()).trim();
  expect(secret).toMatch(/^pic_/);
  await owner.getByRole('button', { name: 'Done' }).click();
  expect(await owner.content()).not.toContain(secret);

  const elsewhere = async (path: string) => {
    const headers = { authorization: `Bearer ${secret}` };
    return (await fetch(`${server.adminUrl}/api/v1${path}`, { headers })).status;
  };
  expect(await elsewhere('/apps/shop')).toBe(200);
  expect(await elsewhere('/apps/empty')).toBe(404);
  await owner.getByRole('button', { name: 'Revoke laptop <b>of Ada</b>' }).click();
  await owner.getByRole('button', { name: 'Revoke', exact: true }).last().click();
  await expect(owner.getByText('laptop <b>of Ada</b> is revoked')).toBeVisible();
  expect(await elsewhere('/apps/shop')).toBe(401);
});

test.describe('domains', () => {
  test.use({ expected: /status of 4(00|09)/ });

  test('are claimed by one app, and given up', async ({ owner, server }) => {
    await server.api('POST', '/apps', { name: 'place' });
    await server.api('POST', '/apps', { name: 'rival' });
    await owner.goto(`${server.adminUrl}/apps/place/domains`);
    await owner.getByRole('button', { name: 'Claim a domain' }).first().click();
    await owner.getByRole('textbox', { name: 'Domain' }).fill('not a domain');
    await owner.getByRole('button', { name: 'Claim', exact: true }).click();
    await expect(owner.getByRole('alert')).toContainText('lower-case host name');
    await owner.getByRole('textbox', { name: 'Domain' }).fill('place.example.com');
    await owner.getByRole('button', { name: 'Claim', exact: true }).click();
    await expect(owner.getByRole('dialog')).toContainText('place.example.com belongs to this app');
    await owner.getByRole('button', { name: 'Done' }).click();
    await expect(owner.getByRole('table')).toContainText('served');

    await owner.goto(`${server.adminUrl}/apps/rival/domains`);
    await owner.getByRole('button', { name: 'Claim a domain' }).first().click();
    await owner.getByRole('textbox', { name: 'Domain' }).fill('place.example.com');
    await owner.getByRole('button', { name: 'Claim', exact: true }).click();
    await expect(owner.getByRole('alert')).toContainText('claimed already');

    await owner.goto(`${server.adminUrl}/apps/place/domains`);
    await owner.getByRole('button', { name: 'Give place.example.com up' }).click();
    await owner.getByRole('button', { name: 'Give it up' }).click();
    await expect(owner.getByText('No domains yet')).toBeVisible();
  });
});

test.describe('the API reference', () => {
  test.use({ expected: /status of 4/ });

  test('finds an operation and carries it out', async ({ owner, server }) => {
    await owner.goto(`${server.adminUrl}/reference`);
    await owner.getByRole('searchbox', { name: 'Search' }).fill('make an app');
    await owner.getByRole('link', { name: '/api/v1/apps', exact: true }).click();
    await expect(owner.getByRole('heading', { name: 'createApp' })).toBeVisible();
    await owner.getByRole('textbox', { name: 'Body' }).fill('{"name": "Not a name"}');
    await owner.getByRole('button', { name: 'Send' }).click();
    await expect(owner.getByRole('region', { name: 'the answer' })).toContainText('"status": 4');
    await owner.getByRole('textbox', { name: 'Body' }).fill('{"name": "from-reference"}');
    await expect(owner.getByRole('region', { name: 'the request with curl' })).toContainText(
      `--data-raw '{"name": "from-reference"}'`,
    );
    await owner.getByRole('button', { name: 'Send' }).click();
    await expect(owner.getByText('201')).toHaveCount(2);
    const app = await server.api<{ name: string }>('GET', '/apps/from-reference');
    expect(app.name).toBe('from-reference');
  });

  test('reads a stream until it is stopped', async ({ owner, server }) => {
    await owner.goto(`${server.adminUrl}/reference/tailLogs`);
    await owner.getByRole('textbox', { name: 'app', exact: true }).fill('shop');
    const [stream] = await Promise.all([
      owner.waitForResponse(/\/logs\/tail/),
      owner.getByRole('button', { name: 'Send' }).click(),
    ]);
    expect(stream.status()).toBe(200);
    await server.api('POST', '/apps/shop/scripts/broken/run', {});
    await expect(owner.getByText('more may come')).toBeVisible();
    await owner.getByRole('button', { name: 'Stop' }).click();
    await expect(owner.getByText('This is its beginning')).toBeVisible();
  });
});
