/** One certificate this node keeps for a set of names: what there is of it, and when something is to be done. */
import { wallMs } from '#core/clock.ts';
import type { AcmeSettings, ChallengeKind } from './acme-settings.ts';
import { type CertificateRecord, type FailureRecord, namesId } from './acme-store.ts';
import { type ChainFacts, chainFacts } from './certificate-chain.ts';
import { renewalAtMs } from './renewal-schedule.ts';

export type ManagedState =
  /** There is one that is valid, and no attempt to renew it has failed. */
  | 'valid'
  /** There is none yet: handshakes for its names are refused. */
  | 'awaiting'
  /** The last attempt to get or renew it failed. */
  | 'failing';

export type ManagedStatus = {
  readonly names: readonly string[];
  readonly state: ManagedState;
  /** Whether an order is under way. */
  readonly isRenewing: boolean;
  /** RFC 3339; null while there is none. */
  readonly notAfter: string | null;
  readonly sha256: string | null;
  /** RFC 3339: when it is renewed, or tried again. */
  readonly renewsAt: string;
  readonly failures: number;
  readonly lastError: string | null;
};

export class ManagedCertificate {
  readonly id: string;
  readonly names: readonly string[];
  record: CertificateRecord | null = null;
  facts: ChainFacts | null = null;
  dueAtMs = wallMs();
  failures = 0;
  lastError: string | null = null;
  /** An order, or a smaller call to the server. */
  running: Promise<void> | null = null;
  isOrdering = false;
  /** When the server is asked again in which window it wants this one renewed. */
  informationAtMs = Infinity;
  /** When one that is on disk and not live yet is made live; Infinity when there is none. */
  liveAtMs = Infinity;

  constructor(names: readonly string[]) {
    this.id = namesId(names);
    this.names = names;
  }

  /** Takes a certificate that is there; one of another server or for other names is due at once. */
  take(record: CertificateRecord, settings: AcmeSettings, nowMs: number, chance: number): void {
    const facts = chainFacts(record.certificate);
    this.record = record;
    this.facts = facts;
    this.informationAtMs = nowMs;
    const isAsked = record.directory === settings.directory && namesId(record.names) === this.id;
    this.dueAtMs = isAsked ? renewalAtMs(record.obtainedAtMs, facts.notAfterMs, chance) : nowMs;
  }

  /** What the process before this one has learnt. */
  takeFailure({ failures, againAtMs, reason }: FailureRecord): void {
    this.failures = failures;
    this.lastError = reason;
    this.dueAtMs = againAtMs;
  }

  /** Names without a certificate that is valid at this time. */
  awaited(nowMs: number): readonly string[] {
    if (this.record === null || this.facts === null || this.facts.notAfterMs <= nowMs)
      return this.names;
    const { names } = this.facts;
    return this.names.filter((name) => !names.includes(name));
  }

  /** What proved the names last time comes first; each failure in a row moves on to the next kind. */
  kinds(settings: AcmeSettings): ChallengeKind[] {
    const { challenges } = settings;
    const last = this.record?.challenge ?? null;
    const first = last !== null && challenges.includes(last) ? challenges.indexOf(last) : 0;
    const at = (first + this.failures) % challenges.length;
    return [...challenges.slice(at), ...challenges.slice(0, at)];
  }

  status(nowMs: number): ManagedStatus {
    const { facts, failures, lastError } = this;
    const isAwaiting = this.awaited(nowMs).length > 0;
    return {
      names: this.names,
      state: failures > 0 ? 'failing' : isAwaiting ? 'awaiting' : 'valid',
      isRenewing: this.isOrdering,
      notAfter: facts === null ? null : new Date(facts.notAfterMs).toISOString(),
      sha256: facts?.sha256 ?? null,
      renewsAt: new Date(this.dueAtMs).toISOString(),
      failures,
      lastError,
    };
  }

  /** What `weir status` says is wrong with it; null when nothing is. */
  degradedReason(nowMs: number): string | null {
    const awaited = this.awaited(nowMs);
    const missing =
      awaited.length === 0
        ? null
        : `no certificate for ${awaited.join(', ')} yet: handshakes for it are refused`;
    const failed =
      this.lastError === null
        ? null
        : `${this.lastError} (${this.failures} failures in a row; next at ${new Date(this.dueAtMs).toISOString()})`;
    return [missing, failed].filter((text) => text !== null).join('; ') || null;
  }
}
