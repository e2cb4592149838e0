/**
 * Records what a real browser sends to the demo shop while somebody uses it: pages, searches, orders, calls of the API,
 * an upload. `test/corpus/detection/browser-session.jsonl` is what came of it.
 *
 *     node bench/detection/record-session.ts --out test/corpus/detection/browser-session.jsonl
 *
 * Headless Chromium (Debian's `chromium`) is driven by its debugging protocol; a relay between it and the shop writes each
 * request down as it came. The name of the host is made up, so that no port and no address of this machine is in it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startShop } from '#demo/shop.ts';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const out = values.out;
if (out === undefined) throw new Error('--out FILE is missing');

const host = 'shop.example.test';
type Recorded = { method: string; target: string; fields: [string, string][]; body_b64?: string };
const recorded: Recorded[] = [];

const shop = await startShop();
const origin = new URL(shop.url);
const relay = createServer((incoming, outgoing) => {
  const parts: Buffer[] = [];
  incoming.on('data', (bytes: Buffer) => parts.push(bytes));
  incoming.on('end', () => {
    const body = Buffer.concat(parts);
    const raw = incoming.rawHeaders;
    const fields = Array.from({ length: raw.length / 2 }, (_, i): [string, string] => [
      raw[i * 2] ?? '',
      // A window would not say that it is headless.
      (raw[i * 2 + 1] ?? '').replaceAll(`:${port}`, '').replace('HeadlessChrome', 'Chrome'),
    ]);
    recorded.push({
      method: incoming.method ?? '',
      target: incoming.url ?? '',
      fields,
      ...(body.length === 0 ? {} : { body_b64: body.toString('base64') }),
    });
    const { hostname, port: shopPort } = origin;
    const { method, url: path, headers } = incoming;
    const forward = httpRequest({ hostname, port: shopPort, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    forward.end(body);
  });
});
relay.listen(0, '127.0.0.1');
await once(relay, 'listening');
const { port } = relay.address() as AddressInfo;
const base = `http://${host}:${port}`;

const profile = mkdtempSync(join(tmpdir(), 'weir-session-'));
const browser = spawn('chromium', [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ...[`--user-data-dir=${profile}`, '--remote-debugging-port=0', '--lang=en-GB'],
  ...[
    `--host-resolver-rules=MAP ${host} 127.0.0.1`,
    `--unsafely-treat-insecure-origin-as-secure=${base}`,
  ],
  'about:blank',
]);
const said: string[] = [];
browser.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()));
const portFile = join(profile, 'DevToolsActivePort');
for (let tries = 0; !existsSync(portFile); tries++) {
  if (tries > 300) throw new Error(`Chromium does not start: ${said.join('')}`);
  await delay(100);
}
const debugPort = readFileSync(portFile, 'utf8').split('\n')[0] ?? '';
const pages = (await (await fetch(`http://127.0.0.1:${debugPort}/json/list`)).json()) as {
  type: string;
  webSocketDebuggerUrl: string;
}[];
const version = (await (await fetch(`http://127.0.0.1:${debugPort}/json/version`)).json()) as {
  Browser: string;
};
const socket = new WebSocket(pages.find(({ type }) => type === 'page')?.webSocketDebuggerUrl ?? '');
await once(socket, 'open');
let number = 0;
const waiting = new Map<number, (result: unknown) => void>();
let loaded: () => void = () => undefined;
socket.addEventListener('message', ({ data }) => {
  const message = JSON.parse(String(data)) as { id?: number; method?: string; result?: unknown };
  if (message.id !== undefined) waiting.get(message.id)?.(message.result);
  else if (message.method === 'Page.loadEventFired') loaded();
});

function call(method: string, parameters: object = {}): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  waiting.set(++number, resolve);
  socket.send(JSON.stringify({ id: number, method, params: parameters }));
  return promise;
}

/** Does something that loads a page, and waits for it. */
async function go(act: () => Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  loaded = resolve;
  await act();
  await Promise.race([promise, delay(10_000)]);
}

const run = (expression: string): Promise<unknown> =>
  call('Runtime.evaluate', { expression, awaitPromise: true });
const open = (path: string): Promise<void> =>
  go(() => call('Page.navigate', { url: `${base}${path}` }));
const click = (selector: string): Promise<void> =>
  go(() => run(`document.querySelector(${JSON.stringify(selector)}).click()`));

const searches = [
  ...['tent', 'sleeping bag', "men's shoes", 'lamp & battery', '"blue" mug', 'C++ book', '50% off'],
  ...[
    'select a table',
    'union jack mug',
    "O'Brien",
    'cat; dog',
    'rock & roll',
    'a | b',
    'where is my order?',
  ],
  ...[
    'drop shipping',
    'café crème',
    '東京 地図',
    'Größe 42 – blau',
    'size > 10',
    'price <= 20 €',
    '#1 gift',
  ],
  ...[
    'salt and/or pepper',
    'how-to: fix a kettle',
    'user@example.org',
    '1 or 2 persons',
    'insert coin',
    '{name}',
  ],
  ...[
    'node.js',
    '/etc',
    'script for a play',
    'on sale = true',
    'order by size',
    '10.0 inch',
    '(small) or [large]',
  ],
];
const notes = [
  'Please leave it with the neighbour; ring twice.\nThanks & regards,\nJane',
  "It's for my brother's birthday -- could you wrap it?",
  'Deliver after 5pm (not on Monday), or on 24/12.\n\n* no plastic\n* blue paper',
  'Select the best one & drop it at the front desk. Union Street 5, 2nd floor',
  'Call me at +44 20 7946 0123; if I am out, update the order and insert a card.',
  'The last one broke after 2 days :( so please test it. <3',
  'I like cats || dogs. Whichever you have!',
  'Use code SAVE10% if it still works; see https://www.example.org/offers?id=5&ref=mail',
  'function add(a, b) { return a + b; } is what the print on the shirt should say',
  '{"engraving": "Für Zoë", "font": "serif"}',
  'Grüße aus Köln! Bitte als Geschenk verpacken – danke.',
  'Path on the label: C:\\Users\\Jane\\Pictures\\logo.png',
];
const names = [
  'Jane Doe',
  "Sinéad O'Connor",
  'Jean-Luc Picard',
  'María José de la Cruz',
  'null',
  'Dr. A. (Tony) Smith, Jr.',
];

await call('Page.enable');
await open('/');
for (const id of ['a.card', 'a[href*="order"]']) await click(id).catch(() => undefined);
for (const text of searches) {
  await open('/search');
  await go(() =>
    run(
      `document.querySelector('[name=q]').value = ${JSON.stringify(text)}; document.querySelector('form button').click()`,
    ),
  );
}
for (const [index, note] of notes.entries()) {
  await open('/order');
  await go(() =>
    run(`document.querySelector('[name=name]').value = ${JSON.stringify(names[index % names.length])};
document.querySelector('[name=note]').value = ${JSON.stringify(note)};
document.querySelector('form button').click()`),
  );
  await run(`fetch('/api/orders', { method: 'POST', headers: { 'content-type': 'application/json' },
body: JSON.stringify({ product: 'tent', quantity: ${index + 1}, name: ${JSON.stringify(names[index % names.length])}, note: ${JSON.stringify(note)} }) })`);
}
await run(`document.cookie = 'theme=dark; path=/'; document.cookie = 'cart=' + encodeURIComponent(JSON.stringify([{ id: 'tent', n: 2 }])) + '; path=/';
document.cookie = '_ga=GA1.2.1234567890.1752561234; path=/'`);
for (const path of [
  '/',
  '/upload',
  '/echo',
  '/search?q=tent&sort=price&page=2',
  '/nowhere',
  '/account',
  '/headers',
])
  await open(path);
await run(`fetch('/api/products')`);
await run(
  `fetch('/upload', { method: 'POST', body: new Blob(['a,b\\n1,2\\n'], { type: 'text/csv' }) })`,
);
await run(`{ const form = new FormData(); form.set('title', "Tom's photo; final"); form.set('file', new Blob(['x'.repeat(400)], { type: 'image/png' }), 'photo (1).png');
fetch('/upload', { method: 'POST', body: form }) }`);
await delay(500);

socket.close();
const exited = once(browser, 'exit');
browser.kill();
await exited;
relay.closeAllConnections();
relay.close();
await shop.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
const command =
  'node bench/detection/record-session.ts --out test/corpus/detection/browser-session.jsonl';
const head = { browser: version.Browser, command };
writeFileSync(out, `${[head, ...recorded].map((one) => JSON.stringify(one)).join('\n')}\n`);
process.stdout.write(`${recorded.length} requests of ${version.Browser}\n`);
