/**
 * Every message between the supervisor and the shield process, in one place; as `ipc.ts`, spoken only
 * between two processes of one checkout.
 *
 * The shield process has the kernel maps and nothing else of the node: it brings the block list into them
 * and reads the counters back. When it ends the program goes on dropping what is in the maps.
 */
import type { Finding } from '#synproxy/detector.ts';
import type { TalkerOrder } from '#synproxy/top-talkers.ts';
import type { BlockItem } from './ipc.ts';
import type { CookieState, GuardSettings } from './shield-guards.ts';
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
      readonly blocks: readonly BlockItem[];
    }
  | {
      readonly kind: 'blocks';
      readonly id: number;
      readonly add: readonly BlockItem[];
      readonly remove: readonly string[];
    }
  | { readonly kind: 'allowed'; readonly id: number; readonly allowed: readonly string[] }
  | { readonly kind: 'counters'; readonly id: number }
  | {
      readonly kind: 'top';
      readonly id: number;
      readonly order: TalkerOrder;
      readonly count: number;
    };

export type ShieldReply = {
  readonly kind: 'reply';
  readonly id: number;
  readonly error: string | null;
  readonly counters: ShieldCounters | null;
  readonly top: ShieldTop | null;
};

export type FromShield =
  | ShieldReply
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
  /** Since the program was loaded, by verdict and protocol class; those that never happened are left out. */
  readonly verdicts: readonly {
    readonly verdict: string;
    readonly protocol: string;
    readonly packets: number;
    readonly bytes: number;
  }[];
};
