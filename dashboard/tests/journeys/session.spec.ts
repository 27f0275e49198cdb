// Signing in and out, and what a page does when its session or its server goes away.
import { expect, test } from '../fixtures';
import { OWNER, Server } from '../server';

test.use({ expected: /status of 40[01]/ });

test('one is led to where one wanted to go, and out again', async ({ page, server, cookie }) => {
  void cookie;
  await page.goto(`${server.adminUrl}/apps/shop/scripts`);
  await page.getByLabel('E-mail address').fill(OWNER.email);
  await page.getByLabel('Password').fill('a wrong password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('Request req_');
  await page.getByLabel('Password').fill(OWNER.password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Scripts', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
});

test.describe('a server that goes away', () => {
  test.use({ expected: /ERR_|preload/ });

  test('is told as such, and the page goes on when it is back', async ({ page }) => {
    const first = await Server.start();
    const cookie = await first.setUp();
    await page.context().addCookies([cookie]);
    await page.goto(first.adminUrl);
    await expect(page.getByText('Deploy your first script')).toBeVisible();
    await first.end();
    await page.getByRole('navigation').getByRole('link', { name: 'Apps', exact: true }).click();
    const second = await Server.start(first);
    try {
      await page.getByRole('navigation').getByRole('link', { name: 'Overview', exact: true }).click();
      await expect(page.getByText('Deploy your first script')).toBeVisible();
    } finally {
      await second.stop();
    }
  });
});
