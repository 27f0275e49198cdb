import { expect, test } from 'vitest';
import { formOf, settingsOf } from './limit-form';

test('limits survive their form; what is empty is the server’s', () => {
  const limits = { wall: '10s', memory: '32MiB', operations: 5_000 };
  expect(settingsOf(formOf(limits))).toEqual(limits);
  expect(settingsOf(formOf({}))).toEqual({});
  expect(settingsOf({ wall: '  ', cpu: ' 2s ' })).toEqual({ cpu: '2s' });
});
