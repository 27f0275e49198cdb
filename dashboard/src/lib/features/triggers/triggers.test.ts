import { describe, expect, test } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { inWords } from './schedule';
import { retryInWords, waitsFor } from './words';
import { inZone } from './zone';

test.each([
  ['* * * * *', 'Every minute'],
  ['*/5 * * * *', 'Every 5 minutes'],
  ['*/7 * * * *', 'Every 7 minutes, counted from the start of each hour'],
  ['0 * * * *', 'Every hour, on the hour'],
  ['@hourly', 'Every hour, on the hour'],
  ['15 * * * *', 'Every hour, at minute 15'],
  ['0,20,40 * * * *', 'At minutes 0, 20 and 40 of every hour'],
  ['10-20 * * * *', 'Every minute from 10 to 20 of every hour'],
  ['*/5 1-4 * * *', 'Every 5 minutes between 01:00 and 04:59'],
  ['*/5 1 * * *', 'Every 5 minutes between 01:00 and 01:59'],
  ['*/15 6,18 * * *', 'Every 15 minutes in the hours 6 and 18'],
  ['0 6 * * *', 'At 06:00, every day'],
  ['@Daily', 'At 00:00, every day'],
  ['  0   12 * * *  ', 'At 12:00, every day'],
  ['0 6,18 * * *', 'At 06:00 and 18:00, every day'],
  ['0 9-17/4 * * MON-FRI', 'At 09:00, 13:00 and 17:00, from Monday to Friday'],
  ['30 8-18 * * *', 'Every hour from 08:30 to 18:30'],
  ['5 */2 * * *', 'Every 2 hours, from 00:05'],
  ['*/30 * * * * *', 'Every 30 seconds'],
  ['* * * * * *', 'Every second'],
  ['5 30 4 * * *', 'At 04:30:05, every day'],
  ['30 0 0 */2 * MON', 'At 00:00:30, on Mondays, but only on odd days of the month'],
  ['*/10 0 6 * * *', 'Every 10 seconds of minute 0 between 06:00 and 06:59'],
  ['0 0 * * mon,Wed', 'At 00:00, on Mondays and Wednesdays'],
  ['0 0 * * 7', 'At 00:00, on Sundays'],
  ['0 0 * * FRI-SUN', 'At 00:00, from Friday to Sunday'],
  ['0 0 1 JAN,jul *', 'At 00:00, on the 1st, in January and July'],
  ['0 0 1 */6 *', 'At 00:00, on the 1st, in January and July'],
  ['0 0 1 6-8 *', 'At 00:00, on the 1st, from June to August'],
  ['0 0 L FEB *', 'At 00:00, on the last day of the month, in February'],
  ['0 0 LW * *', 'At 00:00, on the last working day of the month'],
  ['0 0 15W * *', 'At 00:00, on the working day nearest to the 15th'],
  ['0 0 * * MON#2', 'At 00:00, on the second Monday of the month'],
  ['0 0 * * 5#L', 'At 00:00, on the last Friday of the month'],
  ['0 0 * * FRIL', 'At 00:00, on the last Friday of the month'],
  ['0 0 ? * MON', 'At 00:00, on Mondays'],
  ['0 0 13 * FRI', 'At 00:00, on the 13th, and on Fridays'],
  ['0 0 13 * +FRI', 'At 00:00, on Fridays, but only on the 13th'],
  ['0 0 1-7 * */7', 'At 00:00, on Sundays, but only from the 1st to the 7th'],
  ['0 0 1,2,3,11,12,21,22,23 * *', 'At 00:00, on the 1st, 2nd, 3rd, 11th, 12th, 21st, 22nd and 23rd'],
  ['0 0 * * */2', 'At 00:00, on Sundays, Tuesdays, Thursdays and Saturdays'],
  ['@yearly', 'At 00:00, on the 1st, in January'],
])('%s is “%s”', (expression, words) => expect(inWords(expression)).toBe(words));

test.each([
  '',
  '* * *',
  '@reboot',
  '60 * * * *',
  '5-1 * * * *',
  '*/0 * * * *',
  '0 0 1W-5 * *',
  'FOO 0 * * *',
  '<b> * * * *',
])('what the server refuses is not put in words: %j', (expression) => expect(inWords(expression)).toBeNull());

describe('a trigger', () => {
  const spec = (more: object) => ({ script: 's', ...more }) as Schemas['TriggerSpec'];
  test.each([
    [{ kind: 'kv' }, 'A key of any collection changes'],
    [{ kind: 'kv', collection: 'orders', prefix: 'open/' }, 'A key of orders that begins with open/ changes'],
    [{ kind: 'queue', queue: 'emails' }, 'A message arrives in the queue emails'],
    [{ kind: 'pubsub', topic: 'orders.*' }, 'Something is published on orders.*'],
    [{ kind: 'dead_letter', of: 'send' }, 'An event of the script send was given up'],
    [{ kind: 'dead_letter' }, 'An event of any script was given up'],
    [
      { kind: 'webhook', path: '/hooks', secret: 'SECRET' },
      'POST /hooks comes, signed as standard says with SECRET',
    ],
    [{ kind: 'deploy' }, 'A release of this app goes live'],
    [{ kind: 'cron', schedule: '0 6 * * *' }, 'At 06:00, every day'],
    [{ kind: 'cron', schedule: 'odd' }, 'odd'],
  ])('%j waits for: %s', (more, words) => expect(waitsFor(spec(more))).toBe(words));

  test('tells how it is tried again', () => {
    expect(retryInWords(null)).toBe('5 attempts, the second after 2s, each pause twice as long, at most 1h');
    expect(retryInWords({ attempts: 1 })).toBe('1 attempt');
    expect(retryInWords({ attempts: 3, backoff: 'fixed', base: '1m' })).toBe(
      '3 attempts, each 1m after the last',
    );
  });
});

test('a time is told in its zone, and in UTC where the browser does not know that', () => {
  expect(inZone('2026-11-30T05:00:00Z', 'Europe/Berlin')).toMatch(
    /^Mon,? 30 Nov 2026, 06:00:00 (CET|GMT\+1)$/,
  );
  expect(inZone('2026-11-30T05:00:00Z', 'Moon/Base')).toMatch(/05:00:00 UTC$/);
});
