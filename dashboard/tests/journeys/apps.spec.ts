// Making, changing and deleting an app.
import { expect, test } from '../fixtures';

test.use({ expected: /status of 4(09|12)/ });

test('an app is made, renamed by two at once, and deleted', async ({ owner, server }) => {
  await owner.goto(`${server.adminUrl}/apps`);
  await owner.getByRole('button', { name: 'New app' }).click();
  await owner.getByLabel('Name').fill('shop');
  await owner.getByRole('button', { name: 'Make the app' }).click();
  await expect(owner.getByRole('alert')).toContainText('Request req_');
  await owner.getByLabel('Name').fill('journey');
  await owner.getByRole('button', { name: 'Make the app' }).click();
  await expect(owner.getByRole('heading', { name: 'journey' })).toBeVisible();

  // Somebody else changes it meanwhile.
  await owner.getByRole('button', { name: 'Edit' }).click();
  await server.api('PATCH', '/apps/journey', { description: 'Changed by another' });
  await owner.getByLabel('Description').fill('Mine');
  await owner.getByRole('button', { name: 'Save' }).click();
  await expect(owner.getByRole('alert')).toContainText('precondition_failed');
  await owner.reload();
  await expect(owner.getByText('Changed by another')).toBeVisible();
  await owner.getByRole('button', { name: 'Edit' }).click();
  await owner.getByLabel('Name').fill('travels');
  await owner.getByRole('button', { name: 'Save' }).click();
  await expect(owner.getByRole('heading', { name: 'travels' })).toBeVisible();
  expect(new URL(owner.url()).pathname).toBe('/apps/travels');

  await owner.getByRole('button', { name: 'Delete' }).click();
  const sure = owner.getByRole('button', { name: 'Delete the app' });
  await expect(sure).toBeDisabled();
  await owner.getByLabel('Type travels to confirm').fill('travels');
  await sure.click();
  await expect(owner.getByText('The app travels is deleted')).toBeVisible();
  await expect(owner.getByRole('link', { name: 'travels' })).toHaveCount(0);
});

test('a new script does not replace another without being asked', async ({ owner, server }) => {
  await server.api('POST', '/apps', { name: 'taken' });
  await server.api('POST', '/apps/taken/releases', { scripts: { hello: { source: '"mine"' } } });
  const source = async () =>
    (await server.api<{ source: string }>('GET', '/apps/taken/scripts/hello')).source;
  await owner.goto(`${server.adminUrl}/new?app=taken`);
  await owner.getByRole('button', { name: 'Deploy' }).click();
  await expect(owner.getByRole('dialog', { name: 'Replace the script?' })).toBeVisible();
  await owner.keyboard.press('Escape');
  await expect(owner.getByRole('button', { name: 'Deploy' })).toBeEnabled();
  expect(await source()).toBe('"mine"');
  await owner.getByRole('button', { name: 'Deploy' }).click();
  await owner.getByRole('button', { name: 'Replace it' }).click();
  await expect(owner.getByRole('region', { name: 'The deployed script' })).toBeVisible();
  expect(await source()).toContain('Hello ');
});
