/**
 * Every message between the supervisor and a worker, in one place.
 *
 * ```
 * supervisor                         worker
 *   start ───────────────────────────►  compile, instantiate, listen
 *   ◄─────────────────────── listening
 *   prepare(generation) ─────────────►  build the new snapshot beside the live one
 *   ◄──────────────── reply ok | error
 *   commit(generation) ──────────────►  swap between two requests
 *   ◄──────────────────────────  reply
 * ```
 *
 * Sent with `serialization: 'advanced'`, so bytes travel as bytes. Only one supervisor and its own
 * forked workers ever speak it; both come from the same checkout, so it carries no version.
 */

import type { Config } from '#config/schema.ts';
import type { AcmeChallengeSet } from '#proxy/acme-challenges.ts';
import type { BlockHit } from '#proxy/block-hits.ts';
import type { BlockAction } from '#proxy/block-list.ts';
import type { Handshakes } from '#proxy/listener/handshake-log.ts';
import type { CertificateSource } from '#proxy/tls/certificate-store.ts';
import type { ServerChange, UpstreamFiles } from '#proxy/upstream/upstream-registry.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import type { CompileSource } from '#wasm/live-module.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import type { SharedBatch } from '#wasm/services/shared-batch.ts';
import type { HashKey } from '#wasm/services/token-buckets.ts';
import type { FailedCode } from './module-failed.ts';
import type { ModuleFailure } from './module-trial.ts';
import type { PackedBlocks } from './packed-blocks.ts';
import type { FromPart, ToPart } from './part-messages.ts';

/** What a worker needs to serve: immutable, built by the supervisor, compiled by the worker. */
export type SnapshotSource = {
  readonly generation: number;
  readonly config: Config;
  /** In the order of each listener's list; the first of a listener is its default. */
  readonly certificates: readonly CertificateSource[];
  /** PEM of the authorities whose client certificates a listener takes. */
  readonly clientAuthorities: readonly { readonly listener: number; readonly pem: string }[];
  /** Names whose certificate ACME has not brought yet: their handshakes are refused, others' are not. */
  readonly awaitedNames: readonly { readonly listener: number; readonly name: string }[];
  readonly modules: readonly ModuleSource[];
  /** For each upstream with `tls`: the files it names, read. */
  readonly upstreamFiles: readonly UpstreamFiles[];
};

export type ModuleSource = CompileSource & {
  /** Why it does not run: every request gets its policy. Null when it does. */
  readonly off: string | null;
};

export type BlockItem = {
  readonly target: string;
  readonly expiresAtMs: number | null;
  /** None is drop: that is all a process from before knew, which hands its list over. */
  readonly action?: 'drop' | 'challenge' | 'monitor';
};

/** What a kernel takes of the block list. */
export type KernelItem = BlockItem & { readonly action?: 'drop' | 'monitor' };

export type ToWorker =
  | {
      readonly kind: 'start';
      readonly slot: number;
      readonly workers: number;
      readonly snapshot: SnapshotSource;
      /** By listener index; where there are no descriptors the first worker resolves port 0. */
      readonly addresses: readonly string[];
      /** Sockets bound by the supervisor, by listener index, as this process numbers them. */
      readonly descriptors: readonly number[] | null;
      /** TLS session ticket keys, 48 bytes, the same in every worker so that any of them can resume. */
      readonly ticketKeys: Uint8Array;
      /** What challenges and passes are signed with, the newest first. */
      readonly challengeKeys: readonly Uint8Array[];
      readonly blocks: { readonly version: number; readonly items: readonly BlockItem[] };
      readonly challenges: AcmeChallengeSet;
      /** Under which all workers hash the keys of token buckets. */
      readonly hashKey: HashKey;
    }
  | { readonly kind: 'prepare'; readonly id: number; readonly snapshot: SnapshotSource }
  | { readonly kind: 'commit'; readonly id: number; readonly generation: number }
  | { readonly kind: 'abandon'; readonly id: number; readonly generation: number }
  | {
      readonly kind: 'blocks';
      readonly id: number;
      readonly version: number;
      readonly add: PackedBlocks<BlockAction>;
      readonly remove: readonly string[];
    }
  | { readonly kind: 'ticket-keys'; readonly id: number; readonly keys: Uint8Array }
  | {
      readonly kind: 'challenge-keys';
      readonly id: number;
      readonly keys: readonly Uint8Array[];
    }
  /** The whole set; the reply says that the next connection is answered with it. */
  | { readonly kind: 'challenges'; readonly id: number; readonly challenges: AcmeChallengeSet }
  /** What modules share over the node: another worker's changes, or all there is. */
  | { readonly kind: 'shared'; readonly batch: SharedBatch }
  | { readonly kind: 'part'; readonly message: ToPart }
  | { readonly kind: 'metrics'; readonly id: number }
  /** Who of them has shown that it is there (`#proxy/listener/handshake-log.ts`). */
  | { readonly kind: 'handshakes'; readonly id: number; readonly targets: readonly string[] }
  | { readonly kind: 'drain'; readonly graceMs: number; readonly idleMs: number };

export type FromWorker =
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'reply';
      readonly id: number;
      readonly error: string | null;
      /** Where it is a module's code that failed. */
      readonly failed?: FailedCode;
    }
  | { readonly kind: 'metrics'; readonly id: number | null; readonly samples: MetricSamples }
  | {
      readonly kind: 'handshakes';
      readonly id: number;
      readonly handshakes: readonly Handshakes[];
    }
  /** Null when it is well again. */
  | { readonly kind: 'degraded'; readonly part: string; readonly reason: string | null }
  | { readonly kind: 'server'; readonly change: ServerChange }
  | { readonly kind: 'shared'; readonly batch: SharedBatch }
  /** A module wants an address blocked. */
  | { readonly kind: 'block'; readonly order: BlockOrder }
  /** Entries of the block list that were met since the last of these. */
  | { readonly kind: 'block-hits'; readonly hits: readonly BlockHit[] }
  | { readonly kind: 'part'; readonly message: FromPart }
  | { readonly kind: 'module-failure'; readonly failure: ModuleFailure }
  | { readonly kind: 'drained' };
