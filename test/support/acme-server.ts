/**
 * An ACME server (RFC 8555, 8737, 9773) on this machine, strict where a CA is: nonces used once, every JWS
 * verified over its own URL, terms and bindings asked for, challenges really looked at, certificates
 * really signed. What a test wants to go wrong it puts into `faults`.
 */
import { createHash, createHmac, type KeyObject, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, get, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { keyOfJwk, TestAuthority } from './acme-ca.ts';
import { validateHttp, validateTlsAlpn } from './acme-validation.ts';

type Json = Record<string, unknown>;
type Account = { url: string; key: KeyObject; thumbprint: string; contact: unknown };
type Challenge = { url: string; type: string; token: string; status: string; error?: Json };
type Authorization = {
  url: string;
  name: string;
  status: string;
  challenges: Challenge[];
  account: Account;
};
type Order = {
  url: string;
  account: Account;
  names: string[];
  authorizations: Authorization[];
  status: string;
  processingPolls: number;
  chain?: string;
  certificateUrl?: string;
  replaces?: unknown;
  error?: Json;
};

export type AcmeServerOptions = {
  /** Where names are looked at; a promise holds every proof up until there is an edge. */
  httpPort?: number | Promise<number>;
  tlsPort?: number | Promise<number>;
  /** Life of what is issued. */
  lifeMs?: number;
  backdateMs?: number;
  challenges?: readonly string[];
  external?: { keyId: string; hmacKey: Buffer };
  renewalInfo?: { start: string; end: string };
};

class Refusal extends Error {
  readonly status: number;
  readonly type: string;
  readonly headers: Record<string, string>;
  constructor(status: number, type: string, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.type = type;
    this.headers = headers;
  }
}

export class AcmeServer implements AsyncDisposable {
  readonly authority: TestAuthority;
  readonly options: AcmeServerOptions;
  readonly faults = {
    /** Refuse that many posts with badNonce. */
    badNonces: 0,
    /** Refuse that many new orders with rateLimited; the text is Retry-After. */
    rateLimits: 0,
    retryAfter: '120',
    /** How often an order says `processing` before it is valid. */
    processingPolls: 0,
    /** Names whose proof fails, whatever they answer. */
    refusedNames: new Set<string>(),
    /** Answer the next calls of these paths with a cut connection. */
    cut: new Set<string>(),
    forgetAccounts: false,
    /** What calls of a path are answered with instead. */
    answers: new Map<string, { status: number; body: string; headers?: Record<string, string> }>(),
  };
  /** `POST /new-order` and so on, in the order they came. */
  readonly calls: string[] = [];
  readonly issued: { names: string[]; chain: string; replaces: unknown }[] = [];
  readonly validated: { name: string; type: string; problem: string | null }[] = [];
  readonly contacts: unknown[] = [];
  accountsMade = 0;
  readonly #server: Server;
  readonly #nonces = new Set<string>();
  readonly #accounts = new Map<string, Account>();
  readonly #authorizations = new Map<string, Authorization>();
  readonly #orders = new Map<string, Order>();
  #base = '';
  #next = 1;

  private constructor(authority: TestAuthority, server: Server, options: AcmeServerOptions) {
    this.authority = authority;
    this.options = options;
    this.#server = server;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  static async start(options: AcmeServerOptions = {}): Promise<AcmeServer> {
    const authority = await TestAuthority.make();
    const server = createServer(await authority.serverCertificate());
    const made = new AcmeServer(authority, server, options);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    made.#base = `https://localhost:${(server.address() as AddressInfo).port}`;
    return made;
  }

  /** Comes back when whatever was sent to the server before it has surely come there. */
  async settle(): Promise<void> {
    for (let round = 0; round < 5; round++) {
      const request = get(this.directory, { ca: this.authority.root, agent: false });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
    }
  }

  count(call: string): number {
    return this.calls.filter((one) => one === call).length;
  }

  get directory(): string {
    return `${this.#base}/directory`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.calls.push(`${request.method} ${path.replace(/\/\d+$/, '')}`);
    const body: Buffer[] = [];
    for await (const part of request) body.push(part as Buffer);
    if (this.faults.cut.delete(path.replace(/\/\d+$/, ''))) {
      response.destroy();
      return;
    }
    const instead = this.faults.answers.get(path.replace(/\/\d+$/, ''));
    if (instead !== undefined) {
      response.writeHead(instead.status, instead.headers);
      response.end(instead.body);
      return;
    }
    const nonce = randomBytes(16).toString('base64url');
    this.#nonces.add(nonce);
    response.setHeader('replay-nonce', nonce);
    try {
      await this.#route(request.method ?? '', path, Buffer.concat(body).toString(), response);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, type, headers, message } = error;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      answer(response, status, { type: `urn:ietf:params:acme:error:${type}`, detail: message });
    }
  }

  async #route(method: string, path: string, body: string, response: ServerResponse) {
    const at = (part: string) => `${this.#base}/${part}`;
    if (path === '/directory')
      return answer(response, 200, {
        newNonce: at('new-nonce'),
        newAccount: at('new-account'),
        newOrder: at('new-order'),
        ...(this.options.renewalInfo === undefined ? {} : { renewalInfo: at('renewal-info') }),
        meta: {
          termsOfService: 'https://localhost/terms',
          externalAccountRequired: this.options.external !== undefined,
        },
      });
    if (path === '/new-nonce') return answer(response, 200, null);
    if (path.startsWith('/renewal-info/')) {
      response.setHeader('retry-after', '3600');
      return answer(response, 200, { suggestedWindow: this.options.renewalInfo });
    }
    if (method !== 'POST') throw new Refusal(405, 'malformed', 'only POST goes here');
    const { payload, account, jwk } = this.#verified(path, body);
    if (path === '/new-account') return this.#newAccount(response, payload, jwk);
    if (account === null) throw new Refusal(401, 'unauthorized', 'sign with kid');
    if (path === '/new-order') return this.#newOrder(response, account, payload);
    const [, kind] = path.split('/');
    const url = `${this.#base}${path}`;
    const own = <T extends { account: Account }>(one: T | undefined): T => {
      if (one?.account !== account) throw new Refusal(404, 'malformed', `no ${kind} here`);
      return one;
    };
    switch (kind) {
      case 'account':
        account.contact = payload?.['contact'] ?? account.contact;
        this.contacts.push(account.contact);
        return answer(response, 200, { status: 'valid', contact: account.contact });
      case 'order':
        return this.#order(response, own(this.#orders.get(url)));
      case 'authorization':
        response.setHeader('retry-after', '0');
        return answer(response, 200, shownAuthorization(own(this.#authorizations.get(url))));
      case 'challenge':
        return this.#challenge(response, account, url, payload);
      case 'finalize':
        return this.#finalize(
          response,
          own(this.#orders.get(url.replace('finalize', 'order'))),
          payload,
        );
      case 'certificate': {
        const order = own([...this.#orders.values()].find((one) => one.certificateUrl === url));
        return response
          .setHeader('content-type', 'application/pem-certificate-chain')
          .end(order.chain);
      }
      default:
        throw new Refusal(404, 'malformed', `nothing at ${path}`);
    }
  }

  #verified(
    path: string,
    body: string,
  ): { payload: Json | null; account: Account | null; jwk: Record<string, string> | null } {
    const jws = JSON.parse(body) as { protected: string; payload: string; signature: string };
    const header = decode(jws.protected) as Json & { jwk?: Record<string, string>; kid?: string };
    if (header['url'] !== `${this.#base}${path}`)
      throw new Refusal(401, 'unauthorized', 'signed for another url');
    if (!this.#nonces.delete(String(header['nonce'])))
      throw new Refusal(400, 'badNonce', 'this nonce is not mine');
    if (this.faults.badNonces > 0) {
      this.faults.badNonces--;
      throw new Refusal(400, 'badNonce', 'this nonce is too old');
    }
    if ((header.jwk === undefined) === (header.kid === undefined))
      throw new Refusal(400, 'malformed', 'jwk or kid, not both');
    if ((header.jwk !== undefined) !== (path === '/new-account'))
      throw new Refusal(400, 'malformed', 'jwk goes to new-account alone');
    if (this.faults.forgetAccounts) {
      this.faults.forgetAccounts = false;
      this.#accounts.clear();
    }
    const account = header.kid === undefined ? null : (this.#accounts.get(header.kid) ?? null);
    if (header.kid !== undefined && account === null)
      throw new Refusal(400, 'accountDoesNotExist', 'no such account');
    const key = account?.key ?? keyOfJwk(header.jwk as Record<string, string>);
    const isGood = verify(
      header['alg'] === 'ES256' ? 'sha256' : null,
      Buffer.from(`${jws.protected}.${jws.payload}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(jws.signature, 'base64url'),
    );
    if (!isGood) throw new Refusal(401, 'unauthorized', 'the signature does not hold');
    const payload = jws.payload === '' ? null : (decode(jws.payload) as Json);
    return { payload, account, jwk: header.jwk ?? null };
  }

  #newAccount(response: ServerResponse, payload: Json | null, jwk: Record<string, string> | null) {
    const members = jwk?.['kty'] === 'EC' ? ['crv', 'kty', 'x', 'y'] : ['crv', 'kty', 'x'];
    const canonical = JSON.stringify(Object.fromEntries(members.map((one) => [one, jwk?.[one]])));
    const thumbprint = createHash('sha256').update(canonical).digest('base64url');
    const known = [...this.#accounts.values()].find((one) => one.thumbprint === thumbprint);
    if (payload?.['termsOfServiceAgreed'] !== true)
      throw new Refusal(403, 'userActionRequired', 'agree to the terms of service');
    if (known === undefined) this.#checkBinding(payload['externalAccountBinding'], canonical);
    const account = known ?? {
      url: `${this.#base}/account/${this.#next++}`,
      key: keyOfJwk(jwk as Record<string, string>),
      thumbprint,
      contact: payload['contact'],
    };
    if (known === undefined) this.accountsMade++;
    this.#accounts.set(account.url, account);
    response.setHeader('location', account.url);
    answer(response, known === undefined ? 201 : 200, { status: 'valid' });
  }

  #checkBinding(given: unknown, canonical: string): void {
    const { external } = this.options;
    if (external === undefined) return;
    const jws = given as { protected: string; payload: string; signature: string } | undefined;
    if (jws === undefined) throw new Refusal(403, 'externalAccountRequired', 'bind it');
    const header = decode(jws.protected) as Json;
    const expected = createHmac('sha256', external.hmacKey)
      .update(`${jws.protected}.${jws.payload}`)
      .digest('base64url');
    const isGood =
      header['alg'] === 'HS256' &&
      header['kid'] === external.keyId &&
      header['url'] === `${this.#base}/new-account` &&
      JSON.stringify(decode(jws.payload)) === canonical &&
      expected === jws.signature;
    if (!isGood) throw new Refusal(403, 'unauthorized', 'the binding does not hold');
  }

  #newOrder(response: ServerResponse, account: Account, payload: Json | null) {
    if (this.faults.rateLimits > 0) {
      this.faults.rateLimits--;
      throw new Refusal(429, 'rateLimited', 'too many orders', {
        'retry-after': this.faults.retryAfter,
      });
    }
    const asked = (payload?.['identifiers'] ?? []) as { value: string }[];
    const names = asked.map(({ value }) => value);
    const id = this.#next++;
    const authorizations = names.map((name): Authorization => {
      const url = `${this.#base}/authorization/${this.#next++}`;
      const types = this.options.challenges ?? ['http-01', 'tls-alpn-01', 'dns-01'];
      const challenges = types.map((type) => ({
        url: `${this.#base}/challenge/${this.#next++}`,
        type,
        token: randomBytes(24).toString('base64url'),
        status: 'pending',
      }));
      const made = { url, name, status: 'pending', challenges, account };
      this.#authorizations.set(url, made);
      return made;
    });
    const url = `${this.#base}/order/${id}`;
    const replaces = payload?.['replaces'];
    const { processingPolls } = this.faults;
    const order: Order = {
      url,
      account,
      names,
      authorizations,
      status: 'pending',
      processingPolls,
      replaces,
    };
    this.#orders.set(url, order);
    response.setHeader('location', url);
    answer(response, 201, shownOrder(order));
  }

  #order(response: ServerResponse, order: Order) {
    if (order.status === 'pending') {
      const states = order.authorizations.map(({ status }) => status);
      if (states.includes('invalid')) order.status = 'invalid';
      else if (states.every((status) => status === 'valid')) order.status = 'ready';
    }
    if (order.status === 'processing' && order.processingPolls-- <= 0) order.status = 'valid';
    if (order.status === 'processing') response.setHeader('retry-after', '0');
    answer(response, 200, shownOrder(order));
  }

  #challenge(response: ServerResponse, account: Account, url: string, payload: Json | null) {
    for (const authorization of this.#authorizations.values()) {
      const challenge = authorization.challenges.find((one) => one.url === url);
      if (challenge === undefined || authorization.account !== account) continue;
      if (payload !== null && challenge.status === 'pending') {
        challenge.status = 'processing';
        void this.#validate(authorization, challenge);
      }
      return answer(response, 200, challenge);
    }
    throw new Refusal(404, 'malformed', 'no challenge here');
  }

  async #validate(authorization: Authorization, challenge: Challenge): Promise<void> {
    const { name, account } = authorization;
    const { httpPort = 80, tlsPort = 443 } = this.options;
    const keyAuthorization = `${challenge.token}.${account.thumbprint}`;
    const problem = this.faults.refusedNames.has(name)
      ? 'no such host'
      : challenge.type === 'http-01'
        ? await validateHttp(await httpPort, name, challenge.token, keyAuthorization)
        : await validateTlsAlpn(await tlsPort, name, keyAuthorization);
    this.validated.push({ name, type: challenge.type, problem });
    challenge.status = problem === null ? 'valid' : 'invalid';
    if (problem !== null)
      challenge.error = { type: 'urn:ietf:params:acme:error:unauthorized', detail: problem };
    authorization.status = challenge.status;
  }

  async #finalize(response: ServerResponse, order: Order, payload: Json | null) {
    if (order.authorizations.some(({ status }) => status !== 'valid'))
      throw new Refusal(403, 'orderNotReady', 'not every name is proved');
    const request = new Uint8Array(Buffer.from(String(payload?.['csr']), 'base64url'));
    const names = await this.authority.namesOf(request);
    if (names.toSorted().join() !== order.names.toSorted().join())
      throw new Refusal(400, 'badCSR', `the request is for ${names.join(', ')}`);
    const { lifeMs = 3_600_000, backdateMs = 0 } = this.options;
    const now = Date.now();
    order.chain = await this.authority.issue(request, names, {
      notBeforeMs: now - backdateMs,
      notAfterMs: now + lifeMs,
    });
    this.issued.push({ names, chain: order.chain, replaces: order.replaces });
    order.certificateUrl = order.url.replace('order', 'certificate');
    order.status = order.processingPolls > 0 ? 'processing' : 'valid';
    answer(response, 200, shownOrder(order));
  }
}

function shownOrder(order: Order): Json {
  return {
    status: order.status,
    identifiers: order.names.map((value) => ({ type: 'dns', value })),
    authorizations: order.authorizations.map(({ url }) => url),
    finalize: order.url.replace('order', 'finalize'),
    ...(order.status === 'valid' ? { certificate: order.certificateUrl } : {}),
  };
}

function shownAuthorization({ name, status, challenges }: Authorization): Json {
  return { identifier: { type: 'dns', value: name }, status, challenges };
}

function answer(response: ServerResponse, status: number, value: Json | null): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { 'content-type': type });
  response.end(value === null ? '' : JSON.stringify(value));
}

const decode = (text: string): unknown =>
  JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
