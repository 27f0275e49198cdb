// Every page, in two themes and two widths: whole, accessible, silent.
import { expect, look, test } from './fixtures';
import { PAGES } from './pages';
import { Server } from './server';

for (const { name, path, shows, expected } of PAGES) {
  test.describe(name, () => {
    if (expected) test.use({ expected });
    test('is fit to be seen', async ({ owner, server }) => {
      await owner.goto(server.adminUrl + path);
      await expect(owner.getByText(shows).first()).toBeVisible();
      await look(owner, name);
    });
  });
}

test.describe('before the dashboard', () => {
  // The first load asks whether somebody is signed in.
  test.use({ expected: /status of 401/ });

  test('all pages are fit to be seen', async ({ page }) => {
    const server = await Server.start();
    try {
      await page.goto(server.setupUrl);
      await expect(page.getByLabel('E-mail address')).toBeFocused();
      await look(page, 'setup');
      await page.goto(server.adminUrl);
      await expect(page.getByLabel('Setup token')).toBeVisible();
      await look(page, 'setup-without-token');
      await server.setUp();
      await page.goto(server.adminUrl);
      await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
      await look(page, 'sign-in');
    } finally {
      await server.stop();
    }
  });
});

test('dialogs are fit to be seen', async ({ owner, server }) => {
  await owner.goto(server.adminUrl);
  await expect(owner.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await owner.keyboard.press('Control+k');
  await owner.getByRole('combobox', { name: 'Page, app, script or action' }).fill('o');
  await look(owner, 'palette');
  await owner.keyboard.press('Escape');
  await expect(owner.getByRole('combobox', { name: 'Page, app, script or action' })).toBeHidden();
  await owner.keyboard.press('?');
  await expect(owner.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await look(owner, 'shortcuts');
  await owner.keyboard.press('Escape');
  await owner.setViewportSize({ width: 360, height: 800 });
  await owner.getByRole('button', { name: 'Menu' }).click();
  await look(owner, 'menu');
});
