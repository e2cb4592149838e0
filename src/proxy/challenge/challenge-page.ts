/**
 * The page of a challenge, and what programs get in its place.
 *
 * Everything is in the page: one style, one script, both let in by their hashes, so nothing a proxy or an
 * extension puts in runs with it. What differs from page to page are attributes, of characters that need
 * no quoting. People who use a screen reader hear the same words as others see, as they change.
 */
import { createHash } from 'node:crypto';
import { findSolution } from './solver.ts';

export type ChallengePage = {
  readonly challenge: string;
  readonly difficultyBits: number;
  readonly requestId: string;
  /** Loading the address again repeats what was asked; of another method only the client knows what to repeat. */
  readonly isGet: boolean;
};

const style = `:root{color-scheme:light dark;--text:#1d2733;--back:#fff;--soft:#eef2f6}
@media(prefers-color-scheme:dark){:root{--text:#e6ebf0;--back:#12171d;--soft:#28313b}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);margin:0}
main{max-width:34rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.5rem}progress{width:100%}
code{background:var(--soft);padding:.15rem .4rem;border-radius:.25rem;overflow-wrap:anywhere}
button{font:inherit;padding:.4rem 1rem}[hidden]{display:none}`;

/**
 * Works in turns of 40 ms, so that the page stays alive; a message and not a timer begins the next one,
 * for timers of a page in the background run once a second. A page that comes again right after its
 * challenge was solved stops there: the cookie did not hold, and loading again would never end.
 */
const script = `(() => {
'use strict';
${findSolution.toString()}
const page = document.querySelector('main');
const progress = document.querySelector('progress');
const status = document.querySelector('[role=status]');
const again = document.querySelector('button');
const { challenge, bits, get } = page.dataset;
const solvedAt = 'weir-challenge-solved';
const stop = (text) => { progress.hidden = true; status.textContent = text; };
const fail = (text) => { stop(text); again.hidden = false; again.focus(); };
again.onclick = () => { sessionStorage.removeItem(solvedAt); location.reload(); };
const send = async (number) => {
  const answer = await fetch('/.well-known/weir/challenge', {
    method: 'POST', credentials: 'same-origin', redirect: 'error', cache: 'no-store',
    headers: { 'Weir-Challenge': challenge + '.' + number },
  });
  if (!answer.ok) throw new Error('HTTP status ' + answer.status);
  sessionStorage.setItem(solvedAt, Date.now());
  if (get === '') stop('Your browser has passed. Please go back and send your data again.');
  else { status.textContent = 'Your browser has passed. The page is loading.'; location.reload(); }
};
const failed = (error) => fail('The check did not succeed (' + error.message + ').');
let next = 0;
const turn = new MessageChannel();
turn.port1.onmessage = () => {
  try {
    const until = performance.now() + 40;
    let found = -1;
    while (found < 0 && performance.now() < until) {
      found = findSolution(challenge, Number(bits), next, 4096);
      next += 4096;
    }
    if (found < 0) turn.port2.postMessage(0);
    else send(found).catch(failed);
  } catch (error) { failed(error); }
};
try {
  const ago = Date.now() - Number(sessionStorage.getItem(solvedAt));
  if (!navigator.cookieEnabled) fail('Cookies are switched off for this site, and the check needs one. Allow it and try again.');
  else if (ago < 15000) fail('Your browser has passed, but the site does not see its cookie. Allow cookies for this site and try again.');
  else turn.port2.postMessage(0);
} catch (error) { fail('Cookies and storage are switched off for this site, and the check needs them. Allow them and try again.'); }
})();`;

const hashOf = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

export const challengePageFields =
  `Content-Security-Policy: default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'\r\n` +
  'X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\nX-Robots-Tag: noindex\r\n';

export function challengePage(page: ChallengePage): string {
  const { challenge, difficultyBits, requestId, isGet } = page;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Checking your browser</title>
<style>${style}</style></head>
<body><main data-challenge="${challenge}" data-bits="${difficultyBits}" data-get="${isGet ? 'yes' : ''}">
<h1>Checking your browser</h1>
<p>This site asks browsers to do a short calculation before it answers, so that floods of automated requests cost their senders something. You need not do anything; it usually takes a second or two.</p>
<progress aria-label="Calculation under way"></progress>
<p role="status">Your browser is calculating.</p>
<p><button type="button" hidden>Try again</button></p>
<noscript><p><strong>JavaScript is switched off, so the calculation cannot run.</strong> Switch it on for this site and load the page again.</p></noscript>
<p>If this page does not go away, tell the site's owner this request id: <code>${requestId}</code></p>
</main>
<script>${script}</script></body></html>
`;
}

/** RFC 9457. The type is what a program knows it by. */
export function challengeProblem(requestId: string): string {
  return `${JSON.stringify({
    type: 'urn:weir:challenge-required',
    title: 'Challenge required',
    status: 403,
    detail:
      'This request is answered only to a browser that has passed a challenge: load a page of this site in one.',
    requestId,
  })}\n`;
}
