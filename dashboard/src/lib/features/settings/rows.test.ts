import { expect, it } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { limitRows } from './rows';

it('limits stand beside their ceiling and the apps that have their own', () => {
  const system = {
    limits: { wall: '10s', operations: 5_000_000 },
    ceiling: { wall: '5m', operations: 500_000_000 },
  } as Schemas['System'];
  const apps = [
    { name: 'shop', limits: { wall: '30s' } },
    { name: 'blog', limits: { operations: 0, wall: null } },
  ] as Schemas['App'][];
  const rows = limitRows(system, apps);
  const row = (name: string) => rows.find((one) => one.name === name);
  expect(row('wall')).toMatchObject({ standard: '10s', ceiling: '5m', own: [{ app: 'shop', value: '30s' }] });
  expect(row('operations')).toMatchObject({ standard: '5,000,000', own: [{ app: 'blog', value: '0' }] });
  expect(row('memory')).toMatchObject({ standard: 'none', ceiling: 'none', own: [] });
});
