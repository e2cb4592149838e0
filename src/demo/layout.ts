/**
 * The frame of every page. Style and scripts are inline and nothing is fetched from elsewhere; the
 * Content-Security-Policy names the scripts by their hash, so a script that got into a page through an
 * order would not run even if the escaping had a hole.
 */
import { createHash } from 'node:crypto';
import { Html, html } from '#demo/html.ts';
import { echoScript, eventsScript, uploadScript } from '#demo/scripts.ts';

const hashes = [echoScript, eventsScript, uploadScript].map(
  (script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
);

export const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  `script-src ${hashes.join(' ')}`,
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function page(title: string, body: Html, script: string | null = null): string {
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · The Weir Shop</title>
<style>${new Html(style)}</style>
</head>
<body>
<header>
<a class="brand" href="/">The Weir Shop</a>
<nav><a href="/search">Search</a><a href="/order">Order</a><a href="/upload">Upload</a><a href="/echo">WebSocket</a><a href="/ticks">Events</a></nav>
</header>
<main>
<h1>${title}</h1>
${body}
</main>
<footer>A demo backend. Whatever you order, nothing is sent.</footer>
${script === null ? '' : new Html(`<script>${script}</script>`)}
</body>
</html>
`;
  return document.text;
}

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1d2b2f, #e3ecee); --paper: light-dark(#f6f8f7, #12191b);
  --card: light-dark(#fff, #1b2529); --line: light-dark(#d5dedd, #2d3b40); --accent: light-dark(#0b6e72, #58c4c6); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 0 1.25rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: baseline; padding: 1.25rem 0; border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; font-size: 1.15rem; text-decoration: none; color: inherit; }
nav { display: flex; flex-wrap: wrap; gap: 1rem; }
a { color: var(--accent); }
h1 { font-size: 1.6rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; padding: 0; list-style: none; }
.card { display: block; height: 100%; padding: 1.1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card); color: inherit; text-decoration: none; }
a.card:hover { border-color: var(--accent); }
.symbol { font-size: 2.2rem; }
.price { font-weight: 600; color: var(--accent); }
form { display: grid; gap: .8rem; max-width: 26rem; }
label { display: grid; gap: .25rem; }
input, select, textarea, button { font: inherit; padding: .45rem .6rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); color: inherit; }
button { background: var(--accent); color: var(--paper); border: 0; cursor: pointer; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { padding: .8rem; min-height: 4rem; overflow: auto; border: 1px solid var(--line); border-radius: .4rem; background: var(--card); white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin: 3rem 0 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .9rem; opacity: .75; }
`;
