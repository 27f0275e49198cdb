import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  fullyParallel: true,
  // A browser and a server each.
  workers: 2,
  timeout: 120_000,
  // Of machines that are busy with more than this.
  expect: { timeout: 20_000 },
  globalTimeout: 900_000,
  forbidOnly: true,
  reporter: [['list']],
  use: {
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      // Chromium's own sandbox needs a user that is not root; it opens pages of the tests only.
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--no-proxy-server'],
    },
  },
});
