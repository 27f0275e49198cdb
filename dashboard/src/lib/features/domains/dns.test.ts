import { describe, expect, it } from 'vitest';
import { addressOf, isApex, recordOf } from './dns';

describe('the record of a domain', () => {
  it('leads to where the server is reached', () => {
    expect(recordOf('shop.example.com', 'pi.example.net')).toEqual({
      type: 'CNAME',
      name: 'shop.example.com',
      value: 'pi.example.net',
    });
    expect(recordOf('shop.example.com', '192.0.2.7')).toMatchObject({ type: 'A', value: '192.0.2.7' });
    const six = recordOf('shop.example.com', '[2001:db8::7]');
    expect(six).toMatchObject({ type: 'AAAA', value: '2001:db8::7' });
  });

  it('is unknown where only this machine reaches it', () => {
    for (const host of ['', 'localhost', '127.0.0.1', 'shop.localhost', '[::1]', '0.0.0.0'])
      expect(recordOf('shop.example.com', host)).toBeNull();
  });
});

describe('the address of a domain', () => {
  it('has the scheme and the port of its app', () => {
    expect(addressOf('shop.example.com', 'http://localhost:8080')).toBe('http://shop.example.com:8080/');
    expect(addressOf('shop.example.com', 'https://apps.example.net/x')).toBe('https://shop.example.com/');
  });

  it('is none of a wildcard and of what is no name', () => {
    expect(addressOf('*.example.com', 'http://localhost')).toBeNull();
    expect(addressOf('a@b/"><script>', 'http://localhost')).toBeNull();
  });
});

it('tells domains that take no CNAME', () => {
  expect(isApex('example.com')).toBe(true);
  expect(isApex('*.example.com')).toBe(false);
});
