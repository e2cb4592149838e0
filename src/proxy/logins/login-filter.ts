/**
 * Watches logins on their way, as a filter beside the route's modules: who it is for, and what the origin said.
 *
 * ```
 * head: a login? ─► body: for whom? ─► held, the address or the user? ─► challenge, or 429
 *                                       └ no ─► origin ─► a no? ─► a token of the address, one of the user
 *                                                                  └ none left: held for holdSeconds
 * ```
 *
 * Tokens and what is held are shared by the workers of the node, some 50 ms behind each other. Of a user only a
 * digest is kept.
 */
import { createHash } from 'node:crypto';
import { loginUser } from '#behaviour/login-user.ts';
import type { BehaviourSettings, LoginSettings } from '#config/behaviour-schema.ts';
import { wallMs } from '#core/clock.ts';
import type { MetricFamily, MetricRegistry } from '#telemetry/metrics.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { type BodyWindow, type Filter, type FilterRun, phase } from '#wasm/filter.ts';
import { limitKey } from '../listener/address-rate.ts';
import { resolvedPath } from '../rates/rate-path.ts';
import type { RateStores } from '../rates/rate-stores.ts';

/** No module can be called so. */
export const loginFilterName = 'behaviour/login';

export const loginFamilies = {
  logins: {
    name: 'weir_behaviour_logins_total',
    type: 'counter',
    help: 'Logins by what became of them: failed; because too many had, challenged, passed (it brought a pass) or limited; in mode monitor held.',
  },
} as const satisfies Record<string, MetricFamily>;

export type LoginFilterOptions = {
  readonly settings: BehaviourSettings;
  readonly stores: RateStores;
  readonly registry: MetricRegistry;
  /** Whom nothing is counted of. */
  readonly isExempt: (address: string) => boolean;
  /** An address is to be blocked. */
  readonly onHeld: (address: string, seconds: number) => void;
  readonly nowMs?: () => number;
};

type Who = 'address' | 'user';
type Result = 'failed' | 'challenged' | 'passed' | 'limited' | 'held';

export class LoginFilter implements Filter {
  readonly name = loginFilterName;
  readonly sha256 = '0'.repeat(64);
  readonly abi = 'weir-1';
  readonly phases = phase.requestHead | phase.requestBody | phase.responseHead;
  readonly fuelUsed = 0;
  readonly memoryBytes = null;
  readonly #options: LoginFilterOptions;
  readonly #nowMs: () => number;

  constructor(options: LoginFilterOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? wallMs;
  }

  begin(transaction: Transaction): FilterRun {
    const login = this.#loginOf(transaction);
    return login === null ? notALogin : new LoginRun(this, transaction, login);
  }

  fail(): null {
    return null;
  }

  close(): void {}

  /** What becomes of a login of one that is held; null where it is not. */
  heldStop(login: LoginSettings, who: Who, name: string): Stop | null {
    const until = this.#values.get(keyOf(login, who, name));
    if (until === undefined) return null;
    const finding = {
      rule: loginFilterName,
      reason: `too many failed logins ${who === 'user' ? 'for this user' : 'from this address'}`,
      target: who,
      matched: '',
    };
    if (this.#options.settings.mode === 'monitor') {
      this.count('held');
      return null;
    }
    // Whether it has a pass is known later, and counted then.
    if (login.action === 'challenge') return { kind: 'challenge', ...finding };
    this.count('limited');
    const leftMs = until.readDoubleLE() - this.#nowMs();
    return {
      kind: 'limited',
      ...finding,
      retryAfterSeconds: Math.max(1, Math.ceil(leftMs / 1_000)),
    };
  }

  failed(login: LoginSettings, address: string, user: string | null, isMonitored: boolean): void {
    this.count('failed');
    const isHeld = this.#take(login, 'address', limitKey(address), login.perAddress);
    if (isHeld && login.action === 'block' && !isMonitored)
      this.#options.onHeld(address, login.holdSeconds);
    if (user !== null) this.#take(login, 'user', user, login.perUser);
  }

  /** True where it had no token left, and is held from now on. */
  #take(login: LoginSettings, who: Who, name: string, count: number): boolean {
    if (count === 0) return false;
    const key = keyOf(login, who, name);
    const { limiter } = this.#options.stores;
    if (limiter.take(loginFilterName, key, 1, count, login.windowSeconds) === 0) return false;
    const until = Buffer.alloc(8);
    until.writeDoubleLE(this.#nowMs() + login.holdSeconds * 1_000);
    this.#values.set(key, until, login.holdSeconds * 1_000);
    return true;
  }

  get #values() {
    return this.#options.stores.values('node', loginFilterName);
  }

  #loginOf({ request, clientAddress }: Transaction): LoginSettings | null {
    const { settings, isExempt } = this.#options;
    const method = request.bytes.toString('latin1', request.start, request.methodEnd);
    const candidates = settings.logins.filter((login) => login.method === method);
    if (candidates.length === 0) return null;
    const path = resolvedPath(request);
    const found = candidates.find((login) => path === login.path || path === `${login.path}/`);
    return found === undefined || isExempt(clientAddress) ? null : found;
  }

  count(result: Result): void {
    const { name, help } = loginFamilies.logins;
    this.#options.registry.counter(name, help, { result }).value++;
  }
}

class LoginRun implements FilterRun {
  readonly #filter: LoginFilter;
  readonly #transaction: Transaction;
  readonly #login: LoginSettings;
  readonly #address: string;
  #user: string | null = null;
  /** A challenge was asked for, and nothing heard since. */
  #isAsked = false;

  constructor(filter: LoginFilter, transaction: Transaction, login: LoginSettings) {
    this.#filter = filter;
    this.#transaction = transaction;
    this.#login = login;
    this.#address = limitKey(transaction.clientAddress);
  }

  requestHead(): Stop | null {
    return this.#asked(this.#filter.heldStop(this.#login, 'address', this.#address));
  }

  requestBody({ bytes, isFirst }: BodyWindow): Stop | null {
    if (!isFirst) return null;
    this.#goesOn();
    const user = loginUser(bytes, this.#login.user);
    if (user === null) return null;
    this.#user = createHash('sha256').update(user).digest('latin1').slice(0, digestCharacters);
    return this.#asked(this.#filter.heldStop(this.#login, 'user', this.#user));
  }

  responseHead(): null {
    this.#goesOn();
    const { response, clientAddress, isMonitored } = this.#transaction;
    if (response === null) return null;
    const { failedStatus, failedLocation } = this.#login;
    if (failedStatus.includes(response.status) || this.#leadsTo(failedLocation))
      this.#filter.failed(this.#login, clientAddress, this.#user, isMonitored);
    return null;
  }

  responseBody(): null {
    return null;
  }

  log(): void {}

  end(): void {
    if (this.#isAsked) this.#filter.count('challenged');
  }

  #asked(stop: Stop | null): Stop | null {
    if (stop?.kind === 'challenge') this.#isAsked = true;
    return stop;
  }

  /** Who was asked for a pass has shown one. */
  #goesOn(): void {
    if (this.#isAsked) this.#filter.count('passed');
    this.#isAsked = false;
  }

  #leadsTo(start: string | undefined): boolean {
    const { response } = this.#transaction;
    if (start === undefined || response === null) return false;
    for (let i = 0; i < response.headerCount; i++)
      if (response.headerName(i).toLowerCase() === 'location')
        return response.headerValue(i).startsWith(start);
    return false;
  }
}

const digestCharacters = 16;

const keyOf = (login: LoginSettings, who: Who, name: string): string =>
  `${who}\0${login.path}\0${name}`;

/** Every other request of the route. */
const notALogin: FilterRun = {
  requestHead: () => null,
  requestBody: () => null,
  responseHead: () => null,
  responseBody: () => null,
  log: () => {},
  wants: () => false,
  end: () => {},
};
