// What runs without a request, and when a schedule would.
import { expect, look, test } from '../fixtures';

test.use({ expected: /status of 400/ });

test('a schedule is told in words and in its zone, and one that is wrong is explained', async ({
  owner,
  server,
}) => {
  await owner.goto(`${server.adminUrl}/apps/shop/triggers`);
  await owner
    .getByRole('row', { name: /At 03:00, every day/ })
    .locator('summary')
    .click();
  await expect(owner.getByText(/03:00:00 (CET|CEST|GMT\+[12])$/)).toHaveCount(5);

  await owner.getByLabel('Schedule', { exact: true }).fill('0 6 31 FEB *');
  await owner.getByRole('button', { name: 'Show the next runs' }).click();
  await expect(owner.getByRole('alert')).toContainText('never runs');
  await owner.getByLabel('Schedule', { exact: true }).fill('0 12 29 FEB *');
  await owner.getByLabel('Time zone').fill('Asia/Tokyo');
  await owner.getByRole('button', { name: 'Show the next runs' }).click();
  await expect(owner.getByText('At 12:00, on the 29th, in February')).toBeVisible();
  await expect(owner.getByText(/29 Feb 2028, 12:00:00/)).toBeVisible();
  await expect(owner.getByRole('alert')).toHaveCount(0);
  await look(owner, 'triggers-tried');
});
