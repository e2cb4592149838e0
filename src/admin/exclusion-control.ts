/** What the management API needs of the exclusions that people make from events. */
import type { Proposal } from '#events/exclusion-proposal.ts';
import type { StoredExclusion } from '#state/exclusion-file.ts';

export interface ExclusionControl {
  list(): readonly ListedExclusion[];
  /** Proposes, tries and, but for a dry run, makes live. Throws EVENT_UNKNOWN, EXCLUSION_IMPOSSIBLE, EXCLUSIONS_FULL. */
  exclude(request: ExclusionRequest): Promise<ExclusionAnswer>;
  /** Throws EXCLUSION_UNKNOWN. */
  remove(id: string): Promise<ExclusionRemoved>;
}

export type ExclusionRequest = {
  /** Of an event, or of its request. */
  readonly event: string;
  readonly rule: string | null;
  readonly path: string | null;
  /** For the host of the request alone. */
  readonly host: boolean;
  readonly reason: string;
  readonly owner: string;
  readonly ttlSeconds: number | null;
  readonly dryRun: boolean;
};

/** Times as RFC 3339. */
export type ListedExclusion = Omit<StoredExclusion, 'createdAtMs' | 'expiresAtMs'> & {
  readonly createdAt: string;
  readonly expiresAt: string | null;
  /** Whether the configuration has its rule set. */
  readonly isLive: boolean;
};

export type ExclusionTried = {
  readonly ruleSet: string;
  /** Where the request came from that it was tried on. */
  readonly on: 'recording' | 'event';
  /**
   * `mended`: the rules matched, and do so no more. `not-reproduced`: what the event shows did not make them
   * match, so that nothing is known.
   */
  readonly outcome: 'mended' | 'not-reproduced';
  /** The rule that stops the request all the same; null: none does. */
  readonly stillStoppedBy: string | null;
};

export type ExclusionAnswer = Proposal & {
  readonly event: string;
  readonly tried: readonly ExclusionTried[];
  /** Empty for a dry run. */
  readonly ids: readonly string[];
  /** Null for a dry run. */
  readonly live: { readonly generation: number; readonly workers: number } | null;
  readonly expiresAt: string | null;
};

export type ExclusionRemoved = {
  readonly id: string;
  readonly generation: number;
  readonly workers: number;
};
