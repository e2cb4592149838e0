/**
 * What this worker sees of addresses and routes, gathered and told to the supervisor's process once a second; and
 * the routes that are challenged, as it is told. Logins are watched on their way (`login-filter.ts`).
 *
 * Not counted: who is never blocked. Not an error of the client: what the edge answers because an upstream did not
 * (`failed`), because it sheds load, or because the client has to pass a challenge first.
 */
import type { BehaviourSurges } from '#behaviour/messages.ts';
import { Tally } from '#behaviour/tally.ts';
import type { Config } from '#config/schema.ts';
import { CidrMap } from '#core/cidr-map.ts';
import { LoginFilter } from '#proxy/logins/login-filter.ts';
import type { RequestRecord } from '#proxy/request-record.ts';
import type { MetricFamily, Series } from '#telemetry/metrics.ts';
import type { Filter } from '#wasm/filter.ts';
import { protectedAddresses } from './protected-addresses.ts';
import type { WorkerPart, WorkerPartHost } from './worker-parts.ts';

const tellMs = 1_000;
/** Where so many addresses come that a second is too long. */
const tellFullMs = 100;
/** Addresses that failed to log in, to be told with the rest. */
const loginsMax = 1_000;

export const tallyFamilies = {
  lost: {
    name: 'weir_behaviour_tallies_lost_total',
    type: 'counter',
    help: 'Requests that behaviour did not count, for want of room in their worker.',
  },
} as const satisfies Record<string, MetricFamily>;

export class WorkerBehaviour implements WorkerPart {
  readonly name = 'behaviour';
  readonly #host: WorkerPartHost;
  readonly #lost: Series;
  readonly #tally = new Tally();
  #settings: Config['behaviour'];
  #exempt: CidrMap<true> = new CidrMap(1);
  #logins: { address: string; seconds: number }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;
  #filter: { readonly key: string; readonly filter: LoginFilter } | null = null;

  constructor(host: WorkerPartHost) {
    this.#host = host;
    const { name, help } = tallyFamilies.lost;
    this.#lost = host.registry.counter(name, help);
  }

  follow(config: Config): void {
    this.#settings = config.behaviour;
    this.#exempt = protectedAddresses(config);
    if (config.behaviour === undefined) this.#host.rates.surges = new Map();
  }

  filters({ behaviour: settings }: Config): readonly Filter[] {
    if (settings === undefined || settings.logins.length === 0) return [];
    const key = JSON.stringify([settings.mode, settings.logins]);
    if (this.#filter?.key === key) return [this.#filter.filter];
    const { stores, registry } = this.#host;
    const filter = new LoginFilter({
      ...{ settings, stores, registry },
      isExempt: (address) => this.#exempt.lookup(address) !== undefined,
      onHeld: (address, seconds) => {
        if (this.#logins.length < loginsMax) this.#logins.push({ address, seconds });
        this.#tellLater();
      },
    });
    this.#filter = { key, filter };
    return [filter];
  }

  onRequest(record: RequestRecord): void {
    if (this.#settings === undefined) return;
    const { client, status, outcome, route } = record;
    if (route !== null) this.#tally.noteRoute(route.name);
    if (this.#exempt.lookup(client) !== undefined) return;
    const found = record.found ?? (record.overRate?.mode === 'block' ? record.overRate : null);
    const isStopped = outcome === 'blocked' && found !== null;
    const isChallenge = isStopped && found.kind === 'challenge';
    const isOurs = outcome === 'failed' || outcome === 'aborted' || status === 503;
    const isError = status >= 400 && !isOurs && !isChallenge;
    if (!this.#tally.note(client, isError, isStopped && !isChallenge)) this.#lost.value++;
    if (this.#tally.isFull && performance.now() - this.#toldAt >= tellFullMs) this.flush();
    else this.#tellLater();
  }

  take({ surges }: BehaviourSurges): void {
    this.#host.rates.surges = new Map(surges.map(({ route, untilMs }) => [route, untilMs]));
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#tally.isEmpty && this.#logins.length === 0) return;
    const logins = this.#logins;
    this.#logins = [];
    this.#toldAt = performance.now();
    this.#host.send({ part: 'behaviour', ...this.#tally.take(), logins });
  }

  #tellLater(): void {
    this.#timer ??= setTimeout(() => this.flush(), tellMs).unref();
  }
}
