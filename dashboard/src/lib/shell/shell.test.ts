import { describe, expect, test } from 'vitest';
import { destination, signInPath } from '$lib/features/session/enter';
import { appPath, isCurrent } from './nav';
import { matching } from './palette';

describe('after signing in one goes', () => {
  test.each(['/', '/apps/shop?x=1#y'])('where one wanted to: %s', (next) =>
    expect(destination(next)).toBe(next),
  );
  test.each([
    null,
    '',
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/\tx',
    'javascript:alert(1)',
  ])('to the overview instead of %j', (next) => expect(destination(next)).toBe('/'));
  test('and the way there is kept', () => {
    expect(signInPath('/')).toBe('/login');
    expect(signInPath('/apps?a=b')).toBe('/login?next=%2Fapps%3Fa%3Db');
  });
});

test('the navigation knows where one is', () => {
  expect(isCurrent('/', '/apps')).toBe(false);
  expect(isCurrent('/apps', '/apps/shop')).toBe(true);
  expect(isCurrent('/apps', '/appsx')).toBe(false);
  expect(appPath('a/b', '/scripts')).toBe('/apps/a%2Fb/scripts');
});

describe('the palette', () => {
  const entries = ['Overview', 'Apps', 'shop', 'New script', 'Scripts'].map((title) => ({
    title,
    kind: 'Page',
  }));
  const titles = (typed: string) => matching(entries, typed).map(({ title }) => title);

  test('shows all for nothing', () => expect(titles(' ')).toEqual(entries.map(({ title }) => title)));
  test('puts what begins like that first', () => expect(titles('scr')).toEqual(['Scripts', 'New script']));
  test('wants every word, in any order', () => expect(titles('script new')).toEqual(['New script']));
  test('finds nothing for what nothing has', () => expect(titles('page zzz')).toEqual([]));
});
