import type { Schemas } from '$lib/api/client';
import type { Page } from '$lib/api/pager.svelte';

/** An entry with a number of its own: entries have no ids, and two can be alike. */
export type Entry = Schemas['AuditEntry'] & { number: number };

/** Numbers the entries of one page after another. */
export function numbering(): (page: Page<Schemas['AuditEntry']>) => Page<Entry> {
  let next = 0;
  return (page) => ({ ...page, items: page.items.map((entry) => ({ ...entry, number: next++ })) });
}

const WORDS = new Map(
  Object.entries({
    'apps.create': 'made the app',
    'apps.update': 'changed the app',
    'apps.delete': 'deleted the app',
    'dead_letters.delete': 'deleted a dead letter',
    'dead_letters.purge': 'deleted all dead letters',
    'dead_letters.replay': 'delivered again',
    'domains.claim': 'claimed the domain',
    'domains.give_up': 'gave up the domain',
    'env.set': 'set the variable',
    'env.delete': 'deleted the variable',
    'releases.deploy': 'deployed',
    'releases.rollback': 'rolled back',
    'sessions.create': 'signed in',
    'sessions.delete': 'signed out',
    'setup.create_owner': 'made the owner account',
    'tokens.create': 'made the token',
    'tokens.delete': 'revoked the token',
  }),
);

/** What an action is in words; one that is not known stays as it is. */
export function wordsOf(action: string): string {
  return WORDS.get(action) ?? action;
}

/** The entries that have all words of a filter, in whatever they show. */
export function withWords<T extends Schemas['AuditEntry']>(entries: T[], filter: string): T[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return entries;
  return entries.filter((entry) => {
    const { actor, via, action, target } = entry;
    const text = [actor, via, action, wordsOf(action), target].join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
