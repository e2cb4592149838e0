/**
 * What one HTTP/2 session may cost. Every flood below ends the session with ENHANCE_YOUR_CALM within 300
 * frames (`test/wire/http2-floods.test.ts`); ordinary clients stay far from all of them.
 */

/** SETTINGS_MAX_CONCURRENT_STREAMS. A further one is refused and may be tried again. */
export const streamsMax = 100;
/** A stream's receive window: what of a request body can be held while its upstream does not take it. */
export const streamWindow = 262_144;
/** The same over all streams of a session. */
export const sessionWindow = 1_048_576;
/** Frames a field block may come in. */
export const blockFramesMax = 16;
/** Cookie fields come in crumbs that become one field (RFC 9113 section 8.2.3); so many more may come. */
export const crumbsMax = 256;
/** Frames taken up before other sessions have their turn. */
export const framesPerTurnMax = 128;
/** PING and SETTINGS answers and resets that may wait for a client that does not read. */
export const unreadAnswersMax = 100;
/** How long, and for how many bytes, a session that was ended is still read. */
export const lingerMs = 2_000;
export const lingerBytesMax = 1_048_576;
/** How long a client has at least to see the first GOAWAY before the second names the last stream. */
export const goawayMs = 1_000;

export type AllowanceSize = {
  /** The stock, and so the most at once. */
  readonly burst: number;
  readonly perSecond: number;
};

/** Each with the attack it answers. Names are label values of `weir_http2_sessions_ended_total`. */
export const allowances = {
  /** Rapid reset (CVE-2023-44487). A browser that leaves a page cancels all it has open at once. */
  'client-resets': { burst: 120, perSecond: 20 },
  /** MadeYouReset (CVE-2025-8671): the client makes us reset, by whatever is wrong with its frames. */
  'provoked-resets': { burst: 100, perSecond: 10 },
  /** CVE-2019-9512. */
  pings: { burst: 100, perSecond: 10 },
  /** CVE-2019-9515. */
  settings: { burst: 32, perSecond: 2 },
  /** Frames without content that end nothing (CVE-2019-9518). */
  'empty-frames': { burst: 64, perSecond: 10 },
  /** Priorities are ignored, but read; browsers send a few (CVE-2019-9513). */
  priorities: { burst: 128, perSecond: 20 },
  /** Each DATA frame of ours earns some, so a client may answer every one (CVE-2019-9511). */
  'window-updates': { burst: 256, perSecond: 50 },
  /** Frames of streams that are over, or of types nobody knows. */
  'useless-frames': { burst: 256, perSecond: 100 },
} as const satisfies Record<string, AllowanceSize>;

export type AllowanceName = keyof typeof allowances;
