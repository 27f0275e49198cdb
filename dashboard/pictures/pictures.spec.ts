// The pictures of the README, in docs/pictures.
import { expect, test, type Page } from '@playwright/test';
import { Server } from '../tests/server';

const FOLDER = '../docs/pictures';

const SCRIPTS = {
  orders: {
    description: 'Takes orders and puts a mail into the queue',
    source: `// POST /orders
let order = req.json;
if type_of(order) != "map" || order.items.is_empty() {
    throw #{ status: 400, message: "an order has items" };
}

let id = random::string(12);
kv::collection("orders").set(id, order, #{ if_absent: true });
queue::send("mails", #{ to: order.email, order: id });
log::info("an order", #{ id: id, items: order.items.len() });

response::json(#{ id: id }).status(201).header("location", \`/orders/\${id}\`)
`,
  },
  mailer: { description: 'Sends what is in the queue', source: 'log::info("a mail", event.message);' },
  report: { description: 'Counts the orders of the day', source: 'log::info("counted");' },
  stock: { description: 'What is left', source: 'kv::collection("stock").get(req.query.of)["left"]' },
};

/** An app as people have them. */
async function shop(server: Server): Promise<void> {
  await server.api('POST', '/apps', { name: 'shop', description: 'Orders, mails and a nightly report' });
  await server.api('POST', '/apps/shop/releases', {
    scripts: SCRIPTS,
    routes: [
      { method: 'POST', path: '/orders', script: 'orders' },
      { method: 'GET', path: '/stock', script: 'stock' },
    ],
    triggers: [
      { kind: 'queue', queue: 'mails', script: 'mailer' },
      { kind: 'cron', schedule: '0 3 * * *', timezone: 'Europe/Berlin', script: 'report' },
    ],
    message: 'Take orders',
    source: 'cli',
  });
  const body = JSON.stringify({ email: 'ada@example.com', items: ['tea', 'cups'] });
  const headers = { 'content-type': 'application/json' };
  await fetch(`${server.appsUrl}/orders`, { method: 'POST', headers, body });
  await fetch(`${server.appsUrl}/stock?of=tea`);
}

async function take(page: Page, url: string, shows: string, name: string) {
  await page.goto(url);
  await expect(page.getByText(shows).first()).toBeVisible();
  await page.screenshot({ path: `${FOLDER}/${name}.png` });
}

test('pictures', async ({ browser }) => {
  const server = await Server.start();
  try {
    const cookie = await server.setUp();
    await shop(server);
    const context = await browser.newContext({
      viewport: { width: 1280, height: 840 },
      colorScheme: 'light',
    });
    await context.addCookies([cookie]);
    const page = await context.newPage();
    await take(page, server.adminUrl, 'Latest releases', 'overview');
    await take(page, `${server.adminUrl}/apps/shop/scripts/orders`, 'queue::send', 'editor');
  } finally {
    await server.stop();
  }
});
