import { defineConfig } from '@playwright/test';
import tests from '../playwright.config';

/** Takes the pictures of the README from the real thing: `npm run pictures`. */
export default defineConfig({ ...tests, testDir: '.', outputDir: '../test-results', workers: 1 });
