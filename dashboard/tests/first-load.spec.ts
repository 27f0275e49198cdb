// What opening the dashboard costs whoever opens it.
import { expect, test } from './fixtures';

interface Costs {
  /** Bytes that came over the wire, headers aside. */
  bytes: number;
  requests: string[];
  /** How much of the page moved after it was shown; 0 is nothing. */
  shift: number;
}

test('the first load is small, and nothing moves once it is shown', async ({ owner, server }) => {
  await owner.addInitScript(() => {
    const seen = { shift: 0 };
    Object.assign(window, { seen });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { value, hadRecentInput } = entry as PerformanceEntry & {
          value: number;
          hadRecentInput: boolean;
        };
        if (!hadRecentInput) seen.shift += value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const session = await owner.context().newCDPSession(owner);
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await owner.goto(server.adminUrl);
  await expect(owner.getByText('Latest releases')).toBeVisible();
  const costs = await owner.evaluate((): Costs => {
    const entries = [
      ...performance.getEntriesByType('navigation'),
      ...performance.getEntriesByType('resource'),
    ];
    const files = (entries as PerformanceResourceTiming[]).filter(({ name }) => !name.includes('/api/'));
    return {
      bytes: files.reduce((sum, file) => sum + file.encodedBodySize, 0),
      requests: files.map(({ name }) => new URL(name).pathname),
      shift: (window as unknown as { seen: { shift: number } }).seen.shift,
    };
  });
  expect(costs.bytes).toBeGreaterThan(10_000);
  expect(costs.bytes, costs.requests.join('\n')).toBeLessThan(200_000);
  expect(costs.shift).toBeLessThan(0.05);
  // Whoever comes back asks for the page only: the rest has names that stay.
  await session.send('Network.setCacheDisabled', { cacheDisabled: false });
  await owner.goto(server.adminUrl);
  await expect(owner.getByText('Latest releases')).toBeVisible();
  await owner.goto(server.adminUrl);
  await expect(owner.getByText('Latest releases')).toBeVisible();
  const fetched = await owner.evaluate(() =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ name, transferSize }) => name.includes('/_app/immutable/') && transferSize > 0)
      .map(({ name }) => name),
  );
  expect(fetched).toEqual([]);
});
