/** What the halves of recording and shadow say to each other (`worker-replay.ts`, `node-replay.ts`). */
import type { ShadowOrder, ShadowReport } from '#replay/sample-thread.ts';
import type { RecordOrder } from './worker-replay.ts';

export type FromReplayPart =
  /** Masked and encoded; `dropped`: how many found no room since the last of these. */
  | {
      readonly part: 'replay';
      readonly kind: 'recorded';
      readonly payloads: readonly Uint8Array[];
      readonly dropped: number;
    }
  /** Requests that come now are in it, by its share. */
  | { readonly part: 'replay'; readonly kind: 'recording'; readonly recording: string }
  /** All there is of it has been sent. */
  | { readonly part: 'replay'; readonly kind: 'stopped'; readonly recording: string }
  | { readonly part: 'replay'; readonly kind: 'shadow'; readonly report: ShadowReport }
  /** Its thread is gone, and with it its shadows. */
  | { readonly part: 'replay'; readonly kind: 'failed'; readonly reason: string };

export type ToReplayPart =
  /** Answered with `recording`. */
  | { readonly part: 'replay'; readonly kind: 'record'; readonly order: RecordOrder }
  /** Answered with `stopped`. */
  | { readonly part: 'replay'; readonly kind: 'stop'; readonly recording: string }
  | { readonly part: 'replay'; readonly kind: 'shadow'; readonly order: ShadowOrder }
  | { readonly part: 'replay'; readonly kind: 'unshadow'; readonly name: string };
