// Everything without a mouse.
import { expect, test } from '../fixtures';

test('pages are reached and scripts are deployed with the keyboard alone', async ({ owner, server }) => {
  const keys = owner.keyboard;
  await owner.goto(server.adminUrl);
  await expect(owner.getByRole('heading', { name: 'Overview' })).toBeVisible();
  await keys.press('Tab');
  await expect(owner.getByRole('link', { name: 'Skip to the page' })).toBeFocused();
  await keys.press('Enter');
  await keys.press('g');
  await keys.press('a');
  await expect(owner.getByRole('heading', { name: 'Apps' })).toBeVisible();
  await keys.press('Control+k');
  await keys.type('empty');
  await keys.press('Enter');
  await expect(owner.getByRole('heading', { name: 'empty' })).toBeVisible();
  await keys.press('n');
  await expect(owner.getByRole('heading', { name: 'New script' })).toBeVisible();

  // What is written in a field is no shortcut.
  const name = owner.getByLabel('Name of the script');
  await name.focus();
  await keys.press('Control+a');
  await keys.type('gang?');
  await expect(name).toHaveValue('gang?');
  await expect(owner.getByRole('dialog')).toHaveCount(0);
  await keys.press('Control+a');
  await keys.type('by-keyboard');
  await keys.press('Enter');
  await expect(owner.getByRole('region', { name: 'The deployed script' })).toBeVisible();

  // A dialog gives the focus back.
  await server.api('DELETE', '/apps/empty');
  await server.api('POST', '/apps', { name: 'empty' });
  const button = owner.getByRole('button', { name: /^Theme/ });
  await button.focus();
  await keys.press('?');
  await expect(owner.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await keys.press('Escape');
  await expect(button).toBeFocused();
});
