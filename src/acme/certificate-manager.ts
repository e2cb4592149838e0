/**
 * Keeps the certificates of a node: obtains those that are missing, renews those that are due, and tells
 * the node when there is a new one. One a node, in the supervisor.
 *
 * ```
 * due? ─► order (at most ordersMax at a time) ─► on disk ─► live in every worker ─► due at 2/3 of its life
 *            └─ failed: counted, said, tried again after a pause that grows
 * ```
 *
 * A certificate whose names have changed goes on being shown for those it has until the new one is there.
 */
import { isDeepStrictEqual } from 'node:util';
import { assert } from '#core/assert.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import { AcmeClient } from './acme-client.ts';
import { AcmeError } from './acme-error.ts';
import type { AcmeSettings } from './acme-settings.ts';
import { type AcmeStore, type CertificateRecord, namesId } from './acme-store.ts';
import type { ChallengeBoard } from './challenge-board.ts';
import { bestRecord, pruneStore, recallFailure, rememberFailure } from './kept-state.ts';
import { ManagedCertificate, type ManagedStatus } from './managed-certificate.ts';
import { runOrder } from './order-run.ts';
import { certificateId, renewalInfoMs, suggestedAtMs } from './renewal-information.ts';
import { retryMsMin, retryPauseMs } from './renewal-schedule.ts';

/** Orders under way at one time; authorities count those too. */
export const ordersMax = 4;
/** The wall clock can be set: what is due is looked at this often at least. */
const lookMsMax = 60_000;

export type ManagerOptions = {
  readonly store: AcmeStore;
  readonly board: ChallengeBoard;
  readonly log: Logger;
  readonly userAgent: string;
  /** Makes what `live` gives live in every worker; awaited before a renewal counts as done. */
  readonly goLive: () => Promise<unknown>;
  readonly onDegraded: (part: string, reason: string | null) => void;
  readonly onRenewal: (result: 'ok' | 'failed') => void;
};

export class CertificateManager {
  readonly #options: ManagerOptions;
  #ending = new AbortController();
  #isClosed = false;
  #settings: AcmeSettings | null = null;
  #managed = new Map<string, ManagedCertificate>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /**
   * Takes over which certificates are wanted, with what is on disk of them. Nothing is ordered before
   * `start`.
   */
  async configure(
    settings: AcmeSettings | null,
    wanted: readonly (readonly string[])[],
  ): Promise<void> {
    assert(settings !== null || wanted.length === 0, 'the check asks for acme where names are');
    const { store, log, onDegraded } = this.#options;
    const { records, problems } = await store.certificates();
    for (const reason of problems) log.error({ reason }, 'kept certificate left out');
    const now = wallMs();
    const isSame = isDeepStrictEqual(settings, this.#settings);
    const before: ReadonlyMap<string, ManagedCertificate> = isSame ? this.#managed : new Map();
    const shown = this.#managed;
    if (!isSame) this.#endOrders();
    this.#settings = settings;
    this.#managed = new Map();
    for (const names of wanted) {
      const id = namesId(names);
      const kept = before.get(id);
      const managed = kept ?? new ManagedCertificate(names);
      this.#managed.set(id, managed);
      const record = bestRecord(records, names);
      // One that is kept has its pause after a failure, which a reload must not cut short.
      if (kept !== undefined || settings === null) continue;
      try {
        if (record !== null) managed.take(record, settings, now, Math.random());
      } catch (error) {
        log.error({ names, reason: describeError(error) }, 'kept certificate left out');
      }
      const failure = await recallFailure(store, names, settings, log);
      if (failure !== null) managed.takeFailure(failure);
    }
    await pruneStore(store, records, new Set(this.#managed.keys()), now, log);
    for (const managed of shown.values()) onDegraded(partOf(managed), null);
    this.report();
  }

  /** Says of every certificate whether something is wrong with it. */
  report(): void {
    const now = wallMs();
    for (const managed of this.#managed.values())
      this.#options.onDegraded(partOf(managed), managed.degradedReason(now));
  }

  /** Begins, or takes notice of what `configure` has changed. */
  start(): void {
    this.#isClosed = false;
    this.#look();
  }

  /** The certificate for these names as it is shown, and the names that have none. */
  live(names: readonly string[]): {
    readonly record: CertificateRecord | null;
    readonly awaited: readonly string[];
  } {
    const managed = this.#managed.get(namesId(names));
    if (managed === undefined) return { record: null, awaited: names };
    const now = wallMs();
    const isValid = managed.facts !== null && managed.facts.notAfterMs > now;
    return { record: isValid ? managed.record : null, awaited: managed.awaited(now) };
  }

  list(): readonly ManagedStatus[] {
    const now = wallMs();
    return [...this.#managed.values()].map((managed) => managed.status(now));
  }

  /** The moment something is renewed next; null when there is nothing to renew. */
  get nextRenewalMs(): number | null {
    const due = [...this.#managed.values()].map(({ dueAtMs }) => dueAtMs);
    return due.length === 0 ? null : Math.min(...due);
  }

  /** Renews now, whatever is due; resolves when the order has ended, one way or the other. */
  async renew(name: string): Promise<ManagedStatus> {
    const managed = this.#find(name);
    while (managed.running !== null && !managed.isOrdering) await managed.running;
    managed.running ??= this.#run(managed);
    await managed.running;
    return managed.status(wallMs());
  }

  /** Where it stands now; throws CERTIFICATE_UNKNOWN for a name of none. */
  status(name: string): ManagedStatus {
    return this.#find(name).status(wallMs());
  }

  /** Orders under way end where they are, and are taken up again at the next `start`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#endOrders();
    await Promise.all([...this.#managed.values()].map(({ running }) => running));
  }

  /** Not awaited: the one that makes its certificate live may wait for whoever calls this. */
  #endOrders(): void {
    this.#ending.abort();
    this.#ending = new AbortController();
  }

  #find(name: string): ManagedCertificate {
    const asked = name.toLowerCase();
    const all = [...this.#managed.values()];
    const found = all.find(({ names }) => names.includes(asked));
    if (found !== undefined) return found;
    const known = all.map(({ names }) => names.join(', ')).join('; ') || 'none';
    throw new WeirError(
      'CERTIFICATE_UNKNOWN',
      `no managed certificate is for "${name}" (there are: ${known})`,
    );
  }

  /** Starts what is due and comes back when the next thing is. */
  #look(): void {
    if (this.#isClosed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const now = wallMs();
    const all = [...this.#managed.values()];
    let running = all.filter((managed) => managed.running !== null).length;
    const idle = all
      .filter((managed) => managed.running === null)
      .toSorted((a, b) => a.dueAtMs - b.dueAtMs);
    for (const managed of idle) {
      if (running === ordersMax) break;
      if (managed.dueAtMs <= now) managed.running = this.#run(managed);
      else if (managed.liveAtMs <= now) managed.running = this.#makeLiveLater(managed);
      else if (managed.informationAtMs <= now) managed.running = this.#askWindow(managed);
      else continue;
      running++;
    }
    const next = Math.min(
      ...idle.map((one) => Math.min(one.dueAtMs, one.liveAtMs, one.informationAtMs)),
    );
    // Whatever runs looks again when it ends.
    const pause = running === ordersMax ? lookMsMax : Math.max(100, next - now);
    this.#timer = setTimeout(() => this.#look(), Math.min(lookMsMax, pause));
    this.#timer.unref();
  }

  async #run(managed: ManagedCertificate): Promise<void> {
    const { store, board, log, onRenewal, onDegraded } = this.#options;
    const settings = this.#settings;
    assert(settings !== null, 'what is managed has settings');
    const { signal } = this.#ending;
    const client = this.#client(settings, signal);
    const { names } = managed;
    managed.isOrdering = true;
    log.info({ names }, managed.record === null ? 'obtaining certificate' : 'renewing certificate');
    try {
      const isSame = managed.record?.directory === settings.directory;
      const record = await runOrder({
        client,
        store,
        board,
        settings,
        names,
        kinds: managed.kinds(settings),
        replaces:
          isSame && managed.record !== null ? certificateId(managed.record.certificate) : null,
        log,
        signal,
      });
      managed.take(
        { ...record, challenge: record.challenge ?? managed.record?.challenge ?? null },
        settings,
        wallMs(),
        Math.random(),
      );
      // One that was just obtained is not asked about, or a server that says "now" is asked for ever.
      managed.informationAtMs = wallMs() + renewalInfoMs;
      managed.failures = 0;
      managed.lastError = null;
      await store.removeFailure(names);
      onRenewal('ok');
      await this.#makeLive(managed);
    } catch (error) {
      if (signal.aborted) return;
      managed.failures++;
      const serverMs = error instanceof AcmeError ? error.retryAfterMs : null;
      managed.dueAtMs = wallMs() + retryPauseMs(managed.failures, serverMs, Math.random());
      managed.lastError = reasonOf(error);
      onRenewal('failed');
      const { failures, lastError: reason, dueAtMs } = managed;
      const again = new Date(dueAtMs).toISOString();
      log.error({ names, failures, reason, again }, 'certificate not obtained');
      await rememberFailure(
        store,
        { names: [...names], failures, againAtMs: dueAtMs, reason },
        settings,
        log,
      );
    } finally {
      await client.close();
      managed.running = null;
      managed.isOrdering = false;
      if (this.#managed.get(managed.id) === managed)
        onDegraded(partOf(managed), managed.degradedReason(wallMs()));
      this.#look();
    }
  }

  /** It is on disk by now: what cannot be made live at once is made live later, without another order. */
  async #makeLive(managed: ManagedCertificate): Promise<void> {
    const { log, goLive } = this.#options;
    const { names } = managed;
    try {
      await goLive();
      managed.liveAtMs = Infinity;
      managed.lastError = null;
      const { notAfter, sha256, renewsAt } = managed.status(wallMs());
      log.info({ names, notAfter, sha256, renewsAt }, 'certificate live');
    } catch (error) {
      if (this.#isClosed) return;
      managed.liveAtMs = wallMs() + retryMsMin;
      managed.lastError = `obtained, but not live: ${reasonOf(error)}`;
      log.error({ names, reason: managed.lastError }, 'certificate not live');
    }
  }

  async #makeLiveLater(managed: ManagedCertificate): Promise<void> {
    await this.#makeLive(managed);
    managed.running = null;
    this.#options.onDegraded(partOf(managed), managed.degradedReason(wallMs()));
    this.#look();
  }

  /** A window that cannot be had changes nothing: the certificate is renewed at its usual time. */
  async #askWindow(managed: ManagedCertificate): Promise<void> {
    const settings = this.#settings;
    const { record, facts } = managed;
    assert(settings !== null && record !== null && facts !== null, 'there is a certificate');
    const client = this.#client(settings, this.#ending.signal);
    let againMs = renewalInfoMs;
    try {
      await client.open();
      const id = certificateId(record.certificate);
      const info = id === null ? null : await client.renewalInfo(id);
      const at = info === null ? null : suggestedAtMs(info.value, Math.random());
      if (info?.retryAfterMs) againMs = Math.max(lookMsMax, info.retryAfterMs);
      // Only to an earlier time: a server that says "later" must not let one expire.
      if (at !== null && managed.failures === 0) managed.dueAtMs = Math.min(managed.dueAtMs, at);
    } catch (error) {
      this.#options.log.warn(
        { names: managed.names, reason: describeError(error) },
        'no renewal information',
      );
    } finally {
      await client.close();
      managed.informationAtMs = wallMs() + againMs;
      managed.running = null;
      this.#look();
    }
  }

  /** Its calls are cut when `signal` says so, for an answer may be half a minute away. */
  #client({ directory, ca }: AcmeSettings, signal: AbortSignal): AcmeClient {
    const client = new AcmeClient({ directory, ca, userAgent: this.#options.userAgent });
    signal.addEventListener('abort', () => void client.close(), { once: true });
    return client;
  }
}

function reasonOf(error: unknown): string {
  const details = error instanceof WeirError ? error.details : [];
  return [describeError(error), ...details].join('; ');
}

const partOf = ({ names }: ManagedCertificate): string => `certificate ${names[0]}`;
