// From the printed link to a deployed and called script.
import type { Locator } from '@playwright/test';
import { expect, test } from '../fixtures';
import { OWNER, Server } from '../server';

/** Somebody whose every click and every filled field is counted. */
class Person {
  did = 0;

  async click(target: Locator) {
    this.did += 1;
    await target.click();
  }

  async write(target: Locator, text: string) {
    this.did += 1;
    await target.fill(text);
  }
}

// The first load asks whether somebody is signed in.
test.use({ expected: /status of 401/ });

test('with the printed link only, a script is deployed and called in at most eight steps', async ({
  page,
}) => {
  const server = await Server.start();
  const person = new Person();
  try {
    await page.goto(server.setupUrl);
    await person.write(page.getByLabel('E-mail address'), OWNER.email);
    await person.write(page.getByLabel('Password'), OWNER.password);
    await person.click(page.getByRole('button', { name: 'Make the account' }));
    await person.click(page.getByRole('main').getByRole('link', { name: 'New script' }));
    await person.click(page.getByRole('button', { name: 'Deploy' }));
    await person.click(page.getByRole('button', { name: 'Call it' }));
    await expect(page.getByRole('region', { name: 'answer' })).toHaveText('Hello you');
    expect(person.did).toBeLessThanOrEqual(8);

    // It answers to everybody, and the link works no more.
    const address = await page
      .getByRole('region', { name: 'The deployed script' })
      .getByRole('link')
      .getAttribute('href');
    expect(await (await fetch(address ?? '')).text()).toBe('Hello you');
    await page.goto(server.setupUrl);
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  } finally {
    await server.stop();
  }
});
