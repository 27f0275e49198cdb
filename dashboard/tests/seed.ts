// What the pages of the tests show: ordinary things, and texts that would break a page that trusted them.
import type { Server } from './server';

export const HOSTILE =
  '<img src=x onerror="window.broken=1"><script>window.broken=2</script>\u202etxet\u0000 ${7*7} שלום 👩‍👩‍👧';
export const LONG = 'a-name-of-sixty-four-characters-that-does-not-fit-into-a-column0';

const SCRIPTS = {
  hello: { source: '`Hello ${req.query.name ?? "world"}`', description: 'Says hello' },
  broken: {
    source: 'log::warn("soon", #{ left: 3 });\nlet list = [1, 2];\nlist[7]',
    description: 'Fails always',
  },
  hostile: {
    source: `log::error(req.query.text ?? "nothing");\nthrow req.query.text ?? "nothing"`,
    description: HOSTILE.replaceAll('\0', ''),
  },
  nightly: { source: 'log::info("cleaned");', description: 'Runs at night' },
  worker: { source: 'log::info("mail", #{ to: event.message.to });', description: 'Handles mails' },
  // The hostile text becomes the payload of a dead letter.
  post: {
    source:
      'queue::send("letters", #{ text: req.query.text ?? "" }); queue::send("unread", #{ copy: true }); "posted"',
    description: 'Sends letters',
  },
  undelivered: { source: 'throw "nobody is at home"', description: 'Handles no letter' },
  [LONG]: { source: 'queue::send("mails", #{ to: "ada@example.com" }); #{ queued: true }', description: '' },
};

/** An app `shop` with runs of all kinds, an app with the longest name, and an empty one. */
export async function seed(server: Server): Promise<void> {
  await server.api('POST', '/apps', { name: 'shop', description: 'Sells things' });
  await server.api('POST', '/apps', { name: 'empty', description: HOSTILE.replaceAll('\0', '') });
  const triggers = [
    { kind: 'cron', schedule: '0 3 * * *', timezone: 'Europe/Berlin', script: 'nightly' },
    { kind: 'queue', queue: 'mails', script: 'worker' },
    { kind: 'queue', queue: 'letters', script: 'undelivered', retry: { attempts: 1 } },
  ];
  const modules = { 'lib/money': { source: 'fn cents(amount) { amount * 100 }' } };
  const release = { scripts: SCRIPTS, modules, triggers, message: 'First release', source: 'cli' };
  await server.api('POST', '/apps/shop/releases', release);
  const again = { scripts: { hello: { source: '// Friendlier\n`Hello ${req.query.name ?? "you"}!`' } } };
  await server.api('POST', '/apps/shop/releases', { ...again, message: HOSTILE.replaceAll('\0', '') });
  const call = (path: string) => fetch(`${server.appsUrl}${path}`);
  for (const path of [
    '/hello?name=Ada',
    '/broken',
    `/${LONG}`,
    `/hostile?text=${encodeURIComponent(HOSTILE)}`,
    `/post?text=${encodeURIComponent(HOSTILE)}`,
  ]) {
    await (await call(path)).text();
  }
  await until(async () => {
    const { items } = await server.api<{ items: unknown[] }>('GET', '/apps/shop/dead-letters');
    return items.length > 0;
  });
}

/** Asks again and again until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((again) => setTimeout(again, 50));
}
