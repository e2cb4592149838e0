/**
 * Every message between the supervisor and the shield process, in one place; as `ipc.ts`, spoken only
 * between two processes of one checkout.
 *
 * The shield process has the kernel maps and nothing else of the node: it brings the block list into them
 * and reads the counters back. When it ends the program goes on dropping what is in the maps.
 */

import type { InspectionStatus } from '#admin/control.ts';
import type { KernelSettings } from '#config/kernel-schema.ts';
import type { L4Rule } from '#core/l4-rule.ts';
import type { Finding } from '#synproxy/detector.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import type { KernelItem } from './ipc.ts';
import type { ModuleFailure } from './module-trial.ts';
import type { PackedBlocks } from './packed-blocks.ts';
import type { CookieState, GuardSettings } from './shield-guards.ts';
import type { InspectionTerms } from './shield-inspection.ts';
import type { ShieldTop } from './shield-watch.ts';

export type ToShield =
  | {
      readonly kind: 'start';
      readonly id: number;
      /** As this process numbers them. */
      readonly descriptors: Readonly<Record<string, number>>;
      readonly objectSha256: string | null;
      readonly guards: GuardSettings;
      readonly allowed: readonly string[];
      readonly blocks: readonly KernelItem[];
      readonly rules: RuleSet;
      /** Ids of the rules that another process left in the kernel, in order. */
      readonly rulesLeft: readonly number[];
      readonly inspection: InspectionTerms | null;
    }
  | {
      readonly kind: 'blocks';
      readonly id: number;
      readonly add: PackedBlocks<'drop' | 'monitor'>;
      readonly remove: readonly string[];
    }
  | { readonly kind: 'guards'; readonly id: number; readonly kernel: KernelSettings }
  | { readonly kind: 'rules'; readonly id: number; readonly rules: RuleSet }
  | {
      readonly kind: 'inspection';
      readonly id: number;
      readonly inspection: InspectionTerms | null;
    }
  | { readonly kind: 'allowed'; readonly id: number; readonly allowed: readonly string[] }
  /** What was counted for these entries. */
  | { readonly kind: 'hits'; readonly id: number; readonly targets: readonly string[] }
  | { readonly kind: 'counters'; readonly id: number }
  | {
      readonly kind: 'top';
      readonly id: number;
      readonly order: TalkerOrder;
      readonly count: number;
    };

/** Packets of one entry of the block list. */
export type EntryHits = {
  readonly target: string;
  readonly packets: number;
  /** Null where that is not measured, or there was none. */
  readonly lastSeenMs: number | null;
};

export type RuleSet = { readonly version: number; readonly rules: readonly L4Rule[] };

export type RulesCounted = {
  /** Of the set that is in force. */
  readonly version: number;
  /** In its order. */
  readonly hits: readonly {
    readonly id: number;
    readonly packets: number;
    readonly bytes: number;
  }[];
};

/** A flow that was dropped, or that the module has something to say of. */
export type InspectedFlow = {
  readonly verdict: 'drop' | 'alert';
  readonly module: string;
  /** Id of the rule that wanted it inspected. */
  readonly kernelRule: number | null;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly protocol: number;
  /** Which of its packets it was that decided. */
  readonly packet: number;
  readonly rule: string;
  readonly reason: string;
  readonly matched: string;
};

export type ShieldReply = {
  readonly kind: 'reply';
  readonly id: number;
  readonly error: string | null;
  readonly counters: ShieldCounters | null;
  readonly top: ShieldTop | null;
  readonly hits: readonly EntryHits[] | null;
};

export type FromShield =
  | ShieldReply
  | { readonly kind: 'flow'; readonly flow: InspectedFlow }
  | { readonly kind: 'module-failure'; readonly failure: ModuleFailure }
  | { readonly kind: 'block'; readonly order: BlockOrder }
  /** Null when cookies can be sent again. */
  | { readonly kind: 'cookie-problem'; readonly problem: string | null }
  | { readonly kind: 'finding'; readonly finding: Finding };

export type ShieldCounters = {
  /** Entries in the maps: single addresses, ranges, and ranges that are always let in. */
  readonly exact: number;
  readonly prefixes: number;
  readonly allowed: number;
  /** Null where nothing can send them. */
  readonly cookies: CookieState | null;
  /** What found no room, by what it was. */
  readonly lost: Readonly<Record<string, number>>;
  /** Null where nothing enforces rules. */
  readonly rules: RulesCounted | null;
  /** Null where nothing is inspected. */
  readonly inspection: InspectionStatus | null;
  readonly samples: MetricSamples;
  /** Since the program was loaded, by verdict and protocol class; those that never happened are left out. */
  readonly verdicts: readonly {
    readonly verdict: string;
    readonly protocol: string;
    readonly packets: number;
    readonly bytes: number;
  }[];
};
