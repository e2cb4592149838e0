/**
 * The certificates a node obtains by itself, between the configuration that names them, the manager that
 * keeps them (`#acme/certificate-manager.ts`) and the workers that show them.
 *
 * A TLS list in the configuration is a plan: files, read once at a reload, and lists of names, for which
 * whatever is valid at the moment is filled in whenever the workers get a new set.
 */
import { readAcmeSettings } from '#acme/acme-settings.ts';
import { AcmeStore, namesId } from '#acme/acme-store.ts';
import { CertificateManager } from '#acme/certificate-manager.ts';
import { ChallengeBoard, type LiveChallenges } from '#acme/challenge-board.ts';
import type { ManagedStatus } from '#acme/managed-certificate.ts';
import { servesHttp } from '#config/check-acme.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import type { CertificateSource } from '#proxy/tls/certificate-store.ts';
import type { Logger } from '#telemetry/log.ts';
import type { SnapshotSource } from './ipc.ts';
import type { NodeMetrics } from './node-metrics.ts';

/** A caller of `renew` is answered after this long, whatever the authority does. */
const renewAnswerMs = 45_000;

/** An entry of a listener's list that stands for what ACME gives for these names. */
export type ManagedEntry = { readonly listener: number; readonly acme: readonly string[] };

export type TlsPlan = {
  /** In the order of each listener's list. */
  readonly entries: readonly (CertificateSource | ManagedEntry)[];
  readonly clientAuthorities: SnapshotSource['clientAuthorities'];
};

export type TlsFiles = Pick<SnapshotSource, 'certificates' | 'clientAuthorities' | 'awaitedNames'>;

/** What the node gives, once it runs. */
export type CertificateHost = {
  setChallenges(challenges: LiveChallenges): Promise<unknown>;
  /** Builds the workers' set anew and makes it live. */
  makeCertificatesLive(): Promise<unknown>;
  setDegraded(part: string, reason: string | null): void;
};

export class NodeCertificates {
  readonly #state: string;
  readonly #log: Logger;
  readonly #metrics: NodeMetrics;
  readonly #version: string;
  #host: CertificateHost | null = null;
  #manager: CertificateManager | null = null;

  constructor(options: {
    readonly state: string;
    readonly log: Logger;
    readonly metrics: NodeMetrics;
    readonly version: string;
  }) {
    this.#state = options.state;
    this.#log = options.log;
    this.#metrics = options.metrics;
    this.#version = options.version;
  }

  /** Takes over what the configuration wants, with what is on disk of it. Orders begin with `start`. */
  async configure(config: Config): Promise<void> {
    const { acme } = config;
    const wanted = wantedNames(config);
    if (this.#manager === null && wanted.length === 0) return;
    this.#manager ??= await this.#makeManager();
    if (acme === undefined) await this.#manager.configure(null, []);
    else {
      const settings = await readAcmeSettings(acme, servesHttp(config), process.env);
      await this.#manager.configure(settings, wanted);
    }
  }

  set host(host: CertificateHost) {
    this.#host = host;
  }

  /** Begins to obtain what is missing and to renew what is due; after a reload, takes notice of it. */
  start(): void {
    this.#manager?.report();
    this.#manager?.start();
  }

  /** The plan with what there is for each list of names. */
  fill(plan: TlsPlan): TlsFiles {
    const certificates: CertificateSource[] = [];
    const awaitedNames: { listener: number; name: string }[] = [];
    for (const entry of plan.entries) {
      if ('cert' in entry) {
        certificates.push(entry);
        continue;
      }
      const { listener, acme } = entry;
      const { record, awaited } = this.#manager?.live(acme) ?? { record: null, awaited: acme };
      if (record !== null)
        certificates.push({ listener, cert: record.certificate, key: record.privateKey });
      for (const name of awaited) awaitedNames.push({ listener, name });
    }
    return { certificates, clientAuthorities: plan.clientAuthorities, awaitedNames };
  }

  list(): readonly ManagedStatus[] {
    return this.#manager?.list() ?? [];
  }

  async renew(name: string): Promise<ManagedStatus> {
    const manager = this.#manager;
    if (manager === null) {
      throw new WeirError(
        'CERTIFICATE_UNKNOWN',
        'this node obtains no certificates by ACME; name them under edge.listeners[].tls.certificates[].acme',
      );
    }
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, renewAnswerMs);
    const renewed = manager.renew(name);
    try {
      await Promise.race([renewed, late.promise]);
    } finally {
      clearTimeout(timer);
    }
    return manager.status(name);
  }

  /** Puts what `/metrics` says of them into the gauges. */
  observe(): void {
    const { certificates, nextRenewal } = this.#metrics;
    const all = this.list();
    for (const state of ['valid', 'awaiting', 'failing'] as const)
      certificates[state].value = all.filter((one) => one.state === state).length;
    nextRenewal.value = Math.floor((this.#manager?.nextRenewalMs ?? 0) / 1_000);
  }

  async close(): Promise<void> {
    await this.#manager?.close();
  }

  async #makeManager(): Promise<CertificateManager> {
    const hosted = (): CertificateHost => {
      assert(this.#host !== null, 'orders begin when the node runs');
      return this.#host;
    };
    return new CertificateManager({
      store: await AcmeStore.open(this.#state),
      board: new ChallengeBoard((challenges) => hosted().setChallenges(challenges)),
      log: this.#log.child({ part: 'acme' }),
      userAgent: `weir/${this.#version}`,
      goLive: () => hosted().makeCertificatesLive(),
      onDegraded: (part, reason) => this.#host?.setDegraded(part, reason),
      onRenewal: (result) => this.#metrics.certificateRenewals[result].value++,
    });
  }
}

/** Each list of names once, however many listeners show it. */
function wantedNames(config: Config): (readonly string[])[] {
  const wanted = new Map<string, readonly string[]>();
  for (const { tls } of config.edge.listeners) {
    for (const { acme } of tls?.certificates ?? [])
      if (acme !== undefined) wanted.set(namesId(acme), acme);
  }
  return [...wanted.values()];
}
