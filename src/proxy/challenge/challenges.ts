/**
 * What a challenge is to a client, from the verdict of a module to the request that goes on:
 *
 * ```
 * request ─► module: challenge ─► a pass that counts? ─► yes: the request goes on
 *                                   └─ no: 403, a page with a signed challenge, for who can show one
 * page: works ─► POST /.well-known/weir/challenge, the challenge and its solution in one field
 *                                   └─► 200 and the pass in a cookie ─► the page loads the address again
 * ```
 *
 * It costs whoever asks often: a browser works a moment once in `passMinutes`, a flood works for every
 * address block it comes from and every host it asks for. It does not tell people from programs.
 *
 * A solution is checked before routes and rules, which would challenge it. It comes as a field of a request
 * without a body, so there is nothing to wait for or to keep.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { ChallengeSettings } from '#config/challenge-schema.ts';
import { wallMs } from '#core/clock.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { OwnAnswer } from '../error-page.ts';
import { hostOf } from '../forward-request.ts';
import { ascii, equalsFolded } from '../http1/bytes.ts';
import type { ChallengeFault, ChallengeMetrics } from './challenge-metrics.ts';
import { challengePage, challengePageFields, challengeProblem } from './challenge-page.ts';
import {
  keyBytes,
  newNonce,
  type Token,
  type TokenHolder,
  TokenSigner,
  tokenCharacters,
} from './challenge-token.ts';
import { whyNoPage } from './page-readers.ts';
import { passesOf, setPassCookie } from './pass-cookie.ts';

export type ChallengedRequest = {
  readonly request: RequestView;
  readonly requestId: string;
  readonly facts: { readonly clientAddress: string; readonly tls: boolean };
};

export const solutionPath = '/.well-known/weir/challenge';
export const solutionField = 'weir-challenge';

/** How long a page has for its work. */
export const challengeMs = 300_000;
/** Beyond any number that `difficultyBits` could make necessary. */
const solutionDigitsMax = 13;

const PATH = ascii(solutionPath);
const POST = ascii('POST ');
const FIELD = ascii(solutionField);

export class Challenges {
  readonly #metrics: ChallengeMetrics;
  readonly #now: () => number;
  /** Until the supervisor's come, which all workers share. */
  #signer = new TokenSigner([randomBytes(keyBytes)]);

  constructor(metrics: ChallengeMetrics, now: () => number = wallMs) {
    this.#metrics = metrics;
    this.#now = now;
  }

  /** The first signs; the others are still believed. */
  setKeys(keys: readonly Uint8Array[]): void {
    this.#signer = new TokenSigner(keys);
  }

  /** The request shows a pass that counts, so a module's challenge lets it go on. */
  admits({ request, facts }: ChallengedRequest, settings: ChallengeSettings): boolean {
    const holder = { address: facts.clientAddress, host: hostOf(request) };
    if (!this.#hasPass(request, holder, settings)) return false;
    this.#metrics.passed.value++;
    return true;
  }

  /** What a request gets that is challenged and not admitted. */
  issue(
    { request, requestId, facts }: ChallengedRequest,
    settings: ChallengeSettings,
    showsPages: boolean,
    reason: string,
  ): OwnAnswer {
    const noPage = whyNoPage(request, showsPages);
    if (noPage !== null) {
      this.#metrics.issued.problem.value++;
      return {
        status: 403,
        fields: '',
        contentType: 'application/problem+json',
        body: challengeProblem(requestId),
        reason: `${reason} (challenged without a page: ${noPage})`,
      };
    }
    this.#metrics.issued.page.value++;
    const { difficultyBits } = settings;
    const holder = { address: facts.clientAddress, host: hostOf(request) };
    const expiresAtMs = this.#now() + challengeMs;
    const token = { difficultyBits, expiresAtMs, nonce: newNonce() };
    const challenge = this.#signer.sign('challenge', holder, token);
    const isGet = request.methodEnd - request.start === 3;
    return {
      status: 403,
      fields: challengePageFields,
      contentType: 'text/html; charset=utf-8',
      body: challengePage({ challenge, difficultyBits, requestId, isGet }),
      reason,
    };
  }

  /** The answer to a solution, right or wrong; null for every other request, which goes on to its route. */
  solve(
    view: RequestView,
    address: string,
    isTls: boolean,
    settings: ChallengeSettings,
  ): OwnAnswer | null {
    if (view.pathEnd - view.pathStart !== PATH.length) return null;
    if (!startsWith(view.bytes, view.start, POST) || !startsWith(view.bytes, view.pathStart, PATH))
      return null;
    if (view.refusal !== 0 || view.contentLength > 0 || view.chunked) return null;
    const sent = solutionOf(view);
    if (sent === null) return null;
    const holder = { address, host: hostOf(view) };
    const now = this.#now();
    const token = this.#signer.verify('challenge', sent.challenge, holder, now);
    // Nothing of ours: a request like all others.
    if (token === 'malformed' || token === 'signature') {
      this.#metrics.solutionFailed[token].value++;
      return null;
    }
    if (typeof token === 'string') return this.#refuse(token);
    if (zeroBits(`${sent.challenge}.${sent.solution}`) < token.difficultyBits)
      return this.#refuse('work');
    this.#metrics.solved.value++;
    // Counted from the challenge and not from now: sent again, the same solution gives the same pass.
    const expiresAtMs = token.expiresAtMs + settings.passMinutes * 60_000;
    const pass = this.#signer.sign('pass', holder, { ...token, expiresAtMs });
    const maxAgeSeconds = Math.floor((expiresAtMs - now) / 1_000);
    return {
      status: 200,
      fields: setPassCookie(pass, maxAgeSeconds, isTls),
      contentType: 'application/json',
      body: '{"passed":true}\n',
      reason: 'challenge solved',
    };
  }

  #hasPass(view: RequestView, holder: TokenHolder, { difficultyBits }: ChallengeSettings): boolean {
    const now = this.#now();
    let fault: ChallengeFault | null = null;
    for (const text of passesOf(view)) {
      const pass: Token | ChallengeFault = this.#signer.verify('pass', text, holder, now);
      if (typeof pass !== 'string' && pass.difficultyBits >= difficultyBits) return true;
      fault ??= typeof pass === 'string' ? pass : 'difficulty';
    }
    if (fault !== null) this.#metrics.passFailed[fault].value++;
    return false;
  }

  #refuse(fault: ChallengeFault): OwnAnswer {
    this.#metrics.solutionFailed[fault].value++;
    return {
      status: 403,
      fields: '',
      contentType: 'application/json',
      body: `{"passed":false,"reason":"${fault}"}\n`,
      reason: `challenge not solved: ${fault}`,
    };
  }
}

/** `CHALLENGE.NUMBER`; null where it is not sent, or sent twice. */
function solutionOf(view: RequestView): { challenge: string; solution: string } | null {
  let value: string | null = null;
  for (let i = 0; i < view.headerCount; i++) {
    const start = view.headers[i * 4] as number;
    const end = view.headers[i * 4 + 1] as number;
    if (end - start !== FIELD.length || !equalsFolded(view.bytes, start, end, FIELD)) continue;
    if (value !== null) return null;
    value = view.headerValue(i);
  }
  if (value === null || value.length > tokenCharacters + 1 + solutionDigitsMax) return null;
  const dot = value.indexOf('.');
  const solution = value.slice(dot + 1);
  if (dot < 0 || !/^(?:0|[1-9][0-9]{0,12})$/.test(solution)) return null;
  return { challenge: value.slice(0, dot), solution };
}

/** How many zero bits the SHA-256 of the text begins with, of at most 32. */
const zeroBits = (text: string): number =>
  Math.clz32(createHash('sha256').update(text, 'latin1').digest().readUInt32BE(0));

function startsWith(bytes: Buffer, start: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}
