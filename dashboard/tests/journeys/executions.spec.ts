// From a list of runs to why one failed, and what followed from another.
import { expect, look, test } from '../fixtures';
import { HOSTILE, LONG, until } from '../seed';

test.use({ expected: /status of 404/ });

test('a failed run is found, and tells where and why', async ({ owner, server }) => {
  await owner.goto(`${server.adminUrl}/apps/shop/executions`);
  await expect(owner.getByRole('heading', { name: 'Executions' })).toBeVisible();
  await owner.keyboard.press('/');
  await expect(owner.getByLabel('Ended')).toBeFocused();
  await owner.getByLabel('Ended').selectOption('runtime');
  // At once: the second does not take back the first.
  await owner.getByLabel('Script').selectOption('broken');
  await expect(owner).toHaveURL(/outcome=runtime&script=broken/);
  // The address has the filters: a reload keeps them.
  await owner.reload();
  await expect(owner.getByLabel('Script')).toHaveValue('broken');
  await expect(owner.getByText('pic executions ls broken --outcome runtime -a shop')).toBeVisible();
  await owner.getByRole('row').nth(1).getByRole('link').click();

  await expect(owner.getByRole('heading', { name: 'Run of broken' })).toBeVisible();
  await expect(owner.getByRole('region', { name: 'place of the error' })).toContainText('3 | list[7]');
  await expect(owner.getByText('line 3, column')).toBeVisible();
  await expect(owner.getByText('{"left":3}')).toBeVisible();
  await expect(owner.getByText('of 5,000,000')).toBeVisible();
  await look(owner, 'execution-broken');
});

test('a hostile error is a text', async ({ owner, server }) => {
  await owner.goto(`${server.adminUrl}/apps/shop/executions?script=hostile`);
  await owner.getByRole('row').nth(1).getByRole('link').click();
  await expect(owner.getByRole('region', { name: 'Error', exact: true })).toContainText(HOSTILE.slice(0, 30));
  await look(owner, 'execution-hostile');
});

test('the chain of a run leads to what it caused', async ({ owner, server }) => {
  await owner.goto(`${server.adminUrl}/apps/shop/executions?script=${LONG}`);
  await owner.getByRole('row').nth(1).getByRole('link').click();
  await owner.getByRole('link', { name: 'worker' }).click();
  await expect(owner.getByRole('heading', { name: 'Run of worker' })).toBeVisible();
  await owner.getByRole('link', { name: /^evt_/ }).click();
  await expect(owner.getByText('handled', { exact: true })).toBeVisible();
  await look(owner, 'event-handled');
});

test('a run that is not there says so', async ({ owner, server }) => {
  await owner.goto(`${server.adminUrl}/apps/shop/executions/exe_${'0'.repeat(32)}`);
  await expect(owner.getByRole('heading', { name: /Error|no such/ })).toBeVisible();
});

test('new runs come by themselves, and not while it is paused', async ({ owner, server }) => {
  await server.api('POST', '/apps', { name: 'runs' });
  await server.api('POST', '/apps/runs/releases', {
    scripts: { one: { source: '1' }, two: { source: '2' } },
  });
  const call = async (script: string) => {
    await server.api('POST', `/apps/runs/scripts/${script}/invoke`, {});
    await until(async () => {
      const path = `/apps/runs/executions?script=${script}`;
      return (await server.api<{ items: unknown[] }>('GET', path)).items.length > 0;
    });
  };
  await owner.clock.install();
  await owner.goto(`${server.adminUrl}/apps/runs/executions`);
  await expect(owner.getByText('Nothing has run yet')).toBeVisible();
  await call('one');
  await expect(owner.getByRole('cell', { name: 'one v1' })).toBeVisible();
  await owner.getByRole('heading', { name: 'Executions' }).click();
  await owner.keyboard.press('p');
  await expect(owner.getByRole('button', { name: 'Go on' })).toBeVisible();
  let asked = 0;
  owner.on('request', (request) => (asked += request.url().includes('/executions') ? 1 : 0));
  await call('two');
  // Time in which a list that is not paused looks several times.
  await owner.clock.runFor(15_000);
  expect(asked).toBe(0);
  await owner.keyboard.press('p');
  await expect(owner.getByRole('cell', { name: 'two v1' })).toBeVisible();
});
