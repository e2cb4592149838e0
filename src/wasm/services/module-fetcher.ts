/**
 * Documents that modules ask for: fetched in the background, kept in the worker's values, asked for again
 * when their time has passed.
 *
 * ```
 * absent ─ fetch ─► under way ─ 200 ─► fresh for ttlMs ─► stale for as long again (still there, fetched anew)
 *    ▲                 └─ anything else: waits 1, 2, 4 … 60 s ─┘
 * ```
 */
import { describeError } from '#core/errors.ts';
import { allowedUrl, parseUrlPrefix, type UrlPrefix } from '#core/url-prefix.ts';
import {
  type Fetcher,
  type FetchGrant,
  type LogLevel,
  logLevel,
  type SharedValues,
} from '../host-services.ts';
import type { HttpCall, HttpClient, HttpReply } from './http-client.ts';

export const fetchesUnderWayMax = 4;
/** Documents of one module that are remembered; beyond it the oldest is as if never asked for. */
export const documentsMax = 64;
const backoffMsMin = 1_000;
const backoffMsMax = 60_000;

type Document = {
  readonly key: string;
  isUnderWay: boolean;
  freshUntilMs: number;
  failures: number;
  notBeforeMs: number;
};

type ModuleState = {
  prefixes: readonly UrlPrefix[];
  /** The texts that `prefixes` were made of. */
  source: readonly string[];
  underWay: number;
  readonly documents: Map<string, Document>;
};

export type FetchResult = 'ok' | 'failed' | 'refused';

export type FetcherOptions = {
  readonly client: Pick<HttpClient, 'call'>;
  readonly values: (module: string) => SharedValues;
  readonly log: (level: LogLevel, module: string, text: string) => void;
  readonly onResult: (module: string, result: FetchResult) => void;
  readonly nowMs: () => number;
};

export class ModuleFetcher implements Fetcher {
  readonly #options: FetcherOptions;
  readonly #modules = new Map<string, ModuleState>();

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  fetch(
    grant: FetchGrant,
    text: string,
    key: string,
    ttlMs: number,
  ): 'started' | 'fresh' | 'refused' {
    const { nowMs, onResult, values } = this.#options;
    const state = this.#stateOf(grant);
    const now = nowMs();
    const id = `${key}\0${text}`;
    const known = state.documents.get(id);
    if (known !== undefined) {
      const isThere = now < known.freshUntilMs && values(grant.module).get(key) !== undefined;
      if (isThere) return 'fresh';
      // Also while it waits for its next attempt: asking more often brings it no sooner.
      if (known.isUnderWay || now < known.notBeforeMs) return 'started';
    }
    const url = known === undefined ? allowedUrl(text, state.prefixes) : new URL(text);
    if (url === null || state.underWay >= fetchesUnderWayMax) {
      onResult(grant.module, 'refused');
      return 'refused';
    }
    const document = known ?? {
      key,
      isUnderWay: false,
      freshUntilMs: 0,
      failures: 0,
      notBeforeMs: 0,
    };
    if (known === undefined && state.documents.size >= documentsMax) forgetOldest(state.documents);
    state.documents.set(id, document);
    void this.#run(grant.module, state, document, url, ttlMs);
    return 'started';
  }

  async call(module: string, call: HttpCall, signal: AbortSignal): Promise<HttpReply | null> {
    const { client, log, onResult } = this.#options;
    try {
      const reply = await client.call(call, signal);
      onResult(module, 'ok');
      return reply;
    } catch (error) {
      log(logLevel.debug, module, `call of ${call.url.href} failed: ${describeError(error)}`);
      onResult(module, 'failed');
      return null;
    }
  }

  /** What was fetched for modules that are gone is forgotten; what is under way for them leads nowhere. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#modules.keys()) if (!names.has(name)) this.#modules.delete(name);
  }

  async #run(
    module: string,
    state: ModuleState,
    document: Document,
    url: URL,
    ttlMs: number,
  ): Promise<void> {
    const { client, values, log, onResult, nowMs } = this.#options;
    document.isUnderWay = true;
    state.underWay++;
    try {
      const fields = { 'user-agent': 'weir', accept: '*/*', 'accept-encoding': 'identity' };
      const { status, body } = await client.call({ url, method: 'GET', fields, body: null });
      if (status !== 200) throw new Error(`the answer is ${status}`);
      if (this.#modules.get(module) !== state) return;
      if (!values(module).set(document.key, body, ttlMs * 2))
        throw new Error(`${body.length} bytes find no room among the values of the module`);
      if (document.failures > 0) log(logLevel.info, module, `fetch ${url.href}: works again`);
      document.failures = 0;
      document.freshUntilMs = nowMs() + ttlMs;
      onResult(module, 'ok');
    } catch (error) {
      const waitMs = Math.min(backoffMsMax, backoffMsMin * 2 ** document.failures);
      // Once for each time it stops working; the counter has them all.
      if (document.failures === 0)
        log(logLevel.warn, module, `fetch ${url.href} failed: ${describeError(error)}`);
      document.failures = Math.min(document.failures + 1, 10);
      document.notBeforeMs = nowMs() + waitMs;
      onResult(module, 'failed');
    } finally {
      document.isUnderWay = false;
      state.underWay--;
    }
  }

  /** A grant that has changed is looked at anew, and so is what was fetched under the old one. */
  #stateOf({ module, prefixes }: FetchGrant): ModuleState {
    const known = this.#modules.get(module);
    if (known !== undefined && known.source === prefixes) return known;
    if (known !== undefined && known.source.join(' ') === prefixes.join(' ')) {
      known.source = prefixes;
      return known;
    }
    const state: ModuleState = {
      prefixes: prefixes.flatMap((text) => {
        const prefix = parseUrlPrefix(text);
        return typeof prefix === 'string' ? [] : [prefix];
      }),
      source: prefixes,
      underWay: 0,
      documents: new Map(),
    };
    this.#modules.set(module, state);
    return state;
  }
}

/** At most `fetchesUnderWayMax` are under way, so one of the others is there. */
function forgetOldest(documents: Map<string, Document>): void {
  for (const [id, { isUnderWay }] of documents) {
    if (isUnderWay) continue;
    documents.delete(id);
    return;
  }
}
