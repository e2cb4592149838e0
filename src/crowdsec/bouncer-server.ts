/**
 * What bouncers ask of a CrowdSec agent, answered by this node: decisions, and whether its rules let a request pass.
 *
 * ```
 * GET, HEAD /v1/decisions                    X-Api-Key                  what holds now, for ip= or range=
 * GET, HEAD /v1/decisions/stream?startup=    X-Api-Key                  all, then what has changed since
 * GET, POST /                                X-Crowdsec-Appsec-Api-Key  200 {"action":"allow"}, 403 {"action":"ban"}
 * ```
 *
 * Whoever guesses keys is told to wait; a right key is never held up. Sizes, times and numbers are bounded; a check
 * that no worker answers in time is a 500, which bouncers have a setting for.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parseListenAddress } from '#config/address.ts';
import type { ServeSettings } from '#config/crowdsec-schema.ts';
import { AttemptLimit } from '#core/attempt-limit.ts';
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { readBounded } from '#feeds/read-bounded.ts';
import type { Logger } from '#telemetry/log.ts';
import { type AppsecRequest, readAppsecRequest } from './appsec-request.ts';
import { BouncerKeys } from './bouncer-keys.ts';
import type { CrowdsecDecision } from './decision.ts';
import {
  currentDecisions,
  type DecisionFilter,
  type ServedBlocks,
  streamDecisions,
  type ToldBouncer,
} from './decision-answers.ts';

export type AppsecAction = 'allow' | 'ban' | 'captcha';
export type CallKind = 'decisions' | 'stream' | 'appsec';
export type CallResult = 'answered' | 'allow' | 'ban' | 'captcha' | 'refused' | 'failed';

export type BouncerServerOptions = {
  readonly settings: ServeSettings;
  readonly blocks: ServedBlocks;
  /** Throws where no worker answers in time. */
  readonly check: (request: AppsecRequest, timeoutMs: number) => Promise<AppsecAction>;
  readonly onCall: (kind: CallKind, result: CallResult) => void;
  readonly log: Logger;
};

export type BouncerStatus = { readonly name: string; readonly askedAt: string | null };

const connectionsMax = 512;
const headBytesMax = 65_536;
const checksMax = 256;

export class BouncerServer {
  readonly #options: BouncerServerOptions;
  readonly #server: Server | TlsServer;
  readonly #attempts = new AttemptLimit(wallMs);
  readonly #told = new Map<string, ToldBouncer>();
  readonly #askedAtMs = new Map<string, number>();
  #keys: BouncerKeys;
  #checks = 0;

  private constructor(
    options: BouncerServerOptions,
    server: Server | TlsServer,
    keys: BouncerKeys,
  ) {
    this.#options = options;
    this.#server = server;
    this.#keys = keys;
    server.maxConnections = connectionsMax;
    server.on('request', (request, response) => void this.#answer(request, response));
    server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Listens when this resolves. Throws with what is wrong: a key, a certificate, the address. */
  static async start(options: BouncerServerOptions): Promise<BouncerServer> {
    const { settings } = options;
    const keys = await BouncerKeys.read(settings.bouncers);
    const bounds = {
      maxHeaderSize: headBytesMax,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 60_000,
    };
    const { tls } = settings;
    const server =
      tls === undefined
        ? createServer(bounds)
        : createTlsServer({
            ...bounds,
            minVersion: 'TLSv1.2',
            cert: await readFile(tls.cert),
            key: await readFile(tls.key),
          });
    const made = new BouncerServer(options, server, keys);
    const parsed = parseListenAddress(settings.address);
    if (parsed === null) throw new Error(`${settings.address} is no host:port`);
    server.listen(parsed.port, parsed.host);
    await once(server, 'listening');
    return made;
  }

  /** `host:port` as it was bound. */
  get address(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
  }

  bouncers(): BouncerStatus[] {
    return Object.keys(this.#options.settings.bouncers).map((name) => {
      const atMs = this.#askedAtMs.get(name);
      return { name, askedAt: atMs === undefined ? null : new Date(atMs).toISOString() };
    });
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? '', 'http://bouncer.invalid');
    const kind = kindOf(url?.pathname ?? '');
    try {
      if (url === null || kind === null) return json(response, 404, { message: 'not found' });
      const isAppsec = kind === 'appsec';
      const name = isAppsec ? 'x-crowdsec-appsec-api-key' : 'x-api-key';
      const key = request.headers[name];
      const bouncer = this.#keys.nameOf(typeof key === 'string' ? key : undefined);
      if (bouncer === null) return this.#refuse(request, response, kind);
      this.#askedAtMs.set(bouncer, wallMs());
      if (isAppsec) return await this.#check(request, response);
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return json(response, 405, { message: 'method not allowed' });
      if (kind === 'stream') return await this.#stream(bouncer, url.searchParams, response);
      return await this.#decisions(url.searchParams, response);
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, 'bouncer not answered');
      if (kind !== null) this.#options.onCall(kind, 'failed');
      if (response.headersSent) response.destroy();
      else json(response, 500, kind === 'appsec' ? null : { message: 'internal error' });
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, kind: CallKind): void {
    this.#options.onCall(kind, 'refused');
    const address = request.socket.remoteAddress ?? '';
    const waitSeconds = this.#attempts.fail(address);
    if (waitSeconds !== null) {
      response.setHeader('retry-after', waitSeconds);
      response.setHeader('connection', 'close');
      json(response, 429, { message: 'too many attempts' });
      return;
    }
    this.#options.log.warn({ address, kind }, 'key of no bouncer');
    if (kind === 'appsec') json(response, 401, null);
    else json(response, 403, { message: 'access forbidden' });
  }

  async #stream(bouncer: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const told = query.get('startup') === 'true' ? null : (this.#told.get(bouncer) ?? null);
    const answer = await streamDecisions(this.#options.blocks, filterOf(query), told);
    this.#told.set(bouncer, answer.told);
    this.#options.onCall('stream', 'answered');
    json(response, 200, { deleted: orNull(answer.deleted), new: orNull(answer.added) });
  }

  async #decisions(query: URLSearchParams, response: ServerResponse): Promise<void> {
    const text = query.get('ip') ?? query.get('range');
    const asked =
      text === null ? null : { text, contains: (query.get('contains') ?? 'true') !== 'false' };
    const found = await currentDecisions(this.#options.blocks, filterOf(query), asked);
    if (found === null) {
      this.#options.onCall('decisions', 'refused');
      return json(response, 400, {
        message: `"${(text ?? '').slice(0, 60)}" is no address or range`,
      });
    }
    this.#options.onCall('decisions', 'answered');
    return json(response, 200, orNull(found));
  }

  async #check(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { settings, check, onCall } = this.#options;
    if (!settings.appsec) return json(response, 404, { message: 'not found' });
    if (this.#checks >= checksMax) throw new Error(`${checksMax} AppSec checks are under way`);
    this.#checks++;
    try {
      const body = await readBounded(request, settings.bodyBytesMax).catch(() => null);
      if (body === null) {
        onCall('appsec', 'refused');
        return json(response, 413, null);
      }
      const asked = readAppsecRequest(request.rawHeaders, body);
      if (typeof asked === 'string') throw new Error(asked);
      const action = await check(asked, settings.appsecTimeoutMs);
      onCall('appsec', action);
      const status = action === 'allow' ? 200 : 403;
      return json(response, status, { action, http_status: status });
    } finally {
      this.#checks--;
    }
  }
}

function kindOf(path: string): CallKind | null {
  if (path === '/v1/decisions') return 'decisions';
  if (path === '/v1/decisions/stream') return 'stream';
  return path === '/' ? 'appsec' : null;
}

function filterOf(query: URLSearchParams): DecisionFilter {
  const words = (name: string): readonly string[] =>
    query
      .getAll(name)
      .flatMap((text) => text.split(','))
      .filter((text) => text !== '');
  const set = (list: readonly string[]) => (list.length === 0 ? null : new Set(list));
  return {
    scopes: set([...words('scopes'), ...words('scope')].map((scope) => scope.toLowerCase())),
    origins: set(words('origins')),
    type: query.get('type'),
    containing: words('scenarios_containing'),
    notContaining: words('scenarios_not_containing'),
  };
}

/** As the Local API has it: nothing is null and not an empty list. */
const orNull = (list: readonly CrowdsecDecision[]) => (list.length === 0 ? null : list);

function json(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
