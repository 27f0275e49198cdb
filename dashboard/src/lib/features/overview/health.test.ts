import { describe, expect, test } from 'vitest';
import type { Schemas } from '$lib/api/client';
import { byUrgency, hasFailed, healthOf } from './health';

function run(script: string, outcome: Schemas['Execution']['outcome'], status: number | null = null) {
  return { script, outcome, status } as Schemas['Execution'];
}

function script(name: string) {
  return { name, description: '', routes: [], version: 1 } as unknown as Schemas['Script'];
}

test.each([
  ['ok', 200, false],
  ['ok', 404, false],
  ['ok', 500, true],
  ['cancelled', null, false],
  ['thrown', 400, true],
  ['limit', 503, true],
] as const)('a run that ended %s with %s failed: %s', (outcome, status, failed) => {
  expect(hasFailed(run('a', outcome, status))).toBe(failed);
});

describe('the health of scripts', () => {
  const scripts = ['fine', 'quiet', 'mended', 'broken'].map(script);
  const runs = [run('mended', 'ok'), run('broken', 'limit'), run('mended', 'runtime'), run('fine', 'ok')];

  test('is that of the latest run', () => {
    const states = healthOf('app', scripts, runs).map(({ name, state }) => `${name} ${state}`);
    expect(states).toEqual(['fine fine', 'quiet quiet', 'mended recovered', 'broken failing']);
  });

  test('puts what needs a person first', () => {
    const order = healthOf('app', scripts, runs).sort(byUrgency);
    expect(order.map(({ name }) => name)).toEqual(['broken', 'mended', 'fine', 'quiet']);
  });
});
