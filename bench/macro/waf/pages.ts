/** A backend that answers with pages of a shop from files, as long as they are asked for: always the same one, or many that differ. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startOn, untilListening } from '../../support/processes.ts';
import { loadCore, writeNginx } from './candidates.ts';

const words =
  'the shop garden chair oak wood price order delivery customer with from table select new and for any of best day home page your item list review rating star five great quality comfortable'.split(
    ' ',
  );

/** The same each time. */
export function pageOf(bytes: number): string {
  let seed = 7;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >>> 8) % below;
  };
  const say = (count: number): string =>
    Array.from({ length: count }, () => words[next(words.length)]).join(' ');
  let text =
    '<!doctype html><html><head><title>Shop</title><link rel="stylesheet" href="/a.css"><script src="/app.js"></script></head><body>\n';
  while (text.length < bytes)
    text += `<div class="card c${next(99)}"><h2><a href="/item/${next(9_999)}?ref=${next(99)}">${say(4)}</a></h2><p>${say(30)}.</p><span class="price">${next(500)}.00 EUR</span></div>\n`;
  return text.slice(0, bytes);
}

/** More than rules here remember. */
const digitsOf = (bytes: number): number => (bytes > 20_000 ? 2 : 3);

/** Its port. Whatever is asked for, the answer is the page, or any of 256 (of short ones 4,096) that differ in one place. */
export async function startPages(folder: string, bytes: number, differ: boolean): Promise<number> {
  const own = join(folder, `pages-${bytes}-${differ}`);
  mkdirSync(own);
  const digits = differ ? digitsOf(bytes) : 0;
  const text = pageOf(bytes);
  for (let number = 0; number < 16 ** digits; number++) {
    const name = digits === 0 ? '' : number.toString(16).padStart(digits, '0');
    writeFileSync(join(own, `page-${name}.html`), text.replace('Shop', `Shop${name}`));
  }
  const port = await freePort();
  const file = writeNginx(
    own,
    'pages',
    process.getuid?.() === 0 ? 'user root;' : '',
    `access_log off; open_file_cache max=5000;
  map $request_id $page { "~^(?<own>.{${digits}})" $own; }
  server { listen 127.0.0.1:${port} backlog=4096; root ${own}; location / { try_files /page-$page.html =404; } }`,
  );
  startOn(loadCore, 'nginx', ['-c', file]);
  await untilListening(port);
  return port;
}
