/** A backend that answers with pages of a shop, as long as they are asked for, from files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startOn, untilListening } from '../../support/processes.ts';
import { loadCore } from './candidates.ts';

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

/** Its port. Whatever is asked for, the answer is the page. */
export async function startPages(folder: string, bytes: number): Promise<number> {
  const own = join(folder, `pages-${bytes}`);
  mkdirSync(own);
  writeFileSync(join(own, 'page.html'), pageOf(bytes));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${own}/t-${kind};`)
    .join(' ');
  const file = join(own, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${own}/nginx.pid; error_log ${own}/error.log crit;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http {
  access_log off; default_type text/html; keepalive_requests 100000000; keepalive_timeout 600s; open_file_cache max=10;
  ${temporary}
  server { listen 127.0.0.1:${port} backlog=4096; root ${own}; location / { try_files /page.html =404; } }
}
`,
  );
  startOn(loadCore, 'nginx', ['-c', file]);
  await untilListening(port);
  return port;
}
