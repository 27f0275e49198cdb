// Every page of the dashboard, as `seed.ts` fills it. A page that is not here is not looked at.
import { LONG } from './seed';

export interface PageToLookAt {
  /** Of its pictures. */
  name: string;
  path: string;
  /** A text that is there when the page is. */
  shows: string;
  /** Console messages that belong to it. */
  expected?: RegExp;
}

const refused = /status of 404/;

export const PAGES: PageToLookAt[] = [
  { name: 'overview', path: '/', shows: 'Failing now' },
  { name: 'apps', path: '/apps', shows: 'Sells things' },
  { name: 'app', path: '/apps/shop', shows: 'Latest releases' },
  { name: 'app-empty', path: '/apps/empty', shows: 'Deploy your first script' },
  { name: 'app-missing', path: '/apps/nothing', shows: 'there is no such app', expected: refused },
  { name: 'scripts', path: '/apps/shop/scripts', shows: LONG },
  { name: 'scripts-empty', path: '/apps/empty/scripts', shows: 'Deploy your first script' },
  { name: 'new', path: '/new?app=shop', shows: 'Start with' },
  { name: 'nowhere', path: '/nowhere', shows: 'There is no such page', expected: /status of 404|Not found/ },
];
