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
  { name: 'script', path: '/apps/shop/scripts/hello', shows: 'Can be deployed' },
  { name: 'script-long', path: `/apps/shop/scripts/${LONG}`, shows: 'queued' },
  { name: 'script-missing', path: '/apps/shop/scripts/nothing', shows: 'nothing', expected: refused },
  { name: 'versions', path: '/apps/shop/scripts/hello/versions', shows: 'Friendlier' },
  { name: 'versions-one', path: '/apps/shop/scripts/broken/versions', shows: 'There is one version' },
  { name: 'module', path: '/apps/shop/modules/lib%2Fmoney', shows: 'Can be deployed' },
  { name: 'executions', path: '/apps/shop/executions', shows: 'nobody is at home' },
  {
    name: 'executions-filtered',
    path: '/apps/shop/executions?outcome=ok&since=2026-01-01T00:00:00Z',
    shows: 'pic executions ls --outcome ok',
  },
  { name: 'executions-none', path: '/apps/shop/executions?script=nothing', shows: 'fits these filters' },
  { name: 'executions-empty', path: '/apps/empty/executions', shows: 'Nothing has run yet' },
  { name: 'logs', path: '/apps/shop/logs', shows: 'soon' },
  { name: 'logs-none', path: '/apps/shop/logs?q=nothing%20of%20this', shows: 'fits these filters' },
  { name: 'logs-empty', path: '/apps/empty/logs', shows: 'Waiting for the first line' },
  { name: 'logs-all', path: '/logs?apps=shop,empty', shows: 'soon' },
  { name: 'events', path: '/apps/shop/events', shows: 'no consumer: messages wait' },
  { name: 'events-empty', path: '/apps/empty/events', shows: 'No queues yet' },
  { name: 'triggers', path: '/apps/shop/triggers', shows: 'At 03:00, every day' },
  { name: 'triggers-empty', path: '/apps/empty/triggers', shows: 'No triggers yet' },
  { name: 'dead-letters', path: '/apps/shop/dead-letters', shows: 'nobody is at home' },
  { name: 'dead-letters-empty', path: '/apps/empty/dead-letters', shows: 'No dead letters' },
  { name: 'releases', path: '/apps/shop/releases', shows: 'First release' },
  { name: 'releases-empty', path: '/apps/empty/releases', shows: 'Deploy your first script' },
  { name: 'release', path: '/apps/shop/releases/2', shows: 'What is other than in release 1' },
  { name: 'release-first', path: '/apps/shop/releases/1', shows: 'What it began with' },
  {
    name: 'release-missing',
    path: '/apps/shop/releases/99',
    shows: 'no release 99',
    expected: refused,
  },
  { name: 'routes', path: '/apps/shop/routes', shows: 'ANY /hello' },
  { name: 'routes-empty', path: '/apps/empty/routes', shows: 'Deploy your first script' },
  { name: 'env', path: '/apps/shop/env', shows: 'New variable' },
  { name: 'env-empty', path: '/apps/empty/env', shows: 'No variables yet' },
  { name: 'domains', path: '/apps/shop/domains', shows: 'It answers at' },
  { name: 'domains-empty', path: '/apps/empty/domains', shows: 'No domains yet' },
  { name: 'tokens', path: '/tokens', shows: 'API tokens' },
  { name: 'audit', path: '/audit', shows: 'made the app' },
  { name: 'audit-none', path: '/audit?q=nothing-of-this', shows: 'None of these has the words' },
  { name: 'settings', path: '/settings', shows: 'Limits of a run' },
  { name: 'account', path: '/account', shows: 'This session' },
  { name: 'reference', path: '/reference', shows: 'List the apps by name' },
  { name: 'reference-deploy', path: '/reference/deploy', shows: 'With curl' },
  { name: 'new', path: '/new?app=shop', shows: 'Start with' },
  { name: 'nowhere', path: '/nowhere', shows: 'There is no such page', expected: /status of 404|Not found/ },
];
