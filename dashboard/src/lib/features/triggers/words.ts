import type { Schemas } from '$lib/api/client';
import { inWords } from './schedule';

type Spec = Schemas['TriggerSpec'];

/** What a trigger waits for, as a sentence without its full stop. */
export function waitsFor(spec: Spec): string {
  switch (spec.kind) {
    case 'kv': {
      const prefix = spec.prefix ? ` that begins with ${spec.prefix}` : '';
      return `A key of ${spec.collection ?? 'any collection'}${prefix} changes`;
    }
    case 'queue':
      return `A message arrives in the queue ${spec.queue}`;
    case 'pubsub':
      return `Something is published on ${spec.topic}`;
    case 'cron':
      return inWords(spec.schedule ?? '') ?? spec.schedule ?? '';
    case 'dead_letter':
      return `An event of ${spec.of ? `the script ${spec.of}` : 'any script'} was given up`;
    case 'webhook':
      return `POST ${spec.path} comes, signed as ${spec.provider ?? 'standard'} says with ${spec.secret}`;
    case 'deploy':
      return 'A release of this app goes live';
  }
}

/** How often and how fast a failed attempt is repeated; without a policy, as the server does by default. */
export function retryInWords(retry: Schemas['RetryPolicy'] | null | undefined): string {
  const { attempts = 5, backoff = 'exponential', base = '2s', max = '1h' } = retry ?? {};
  if (attempts === 1) return '1 attempt';
  if (backoff === 'fixed') return `${attempts} attempts, each ${base} after the last`;
  return `${attempts} attempts, the second after ${base}, each pause twice as long, at most ${max}`;
}

/** What becomes of a tick that is due while the last run goes on. */
export const OVERLAP = {
  skip: 'a tick during a run is skipped',
  queue: 'ticks during a run wait',
  allow: 'runs may overlap',
};

/** What becomes of times at which no server ran. */
export const CATCH_UP = {
  last: 'of missed times, one is made up for',
  all: 'every missed time is made up for',
  skip: 'missed times are left out',
};
