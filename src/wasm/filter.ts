/**
 * A rule module as requests meet it, whatever ABI its guest speaks: always there, whatever the guest does.
 * Its failures become its policy and never escape as exceptions.
 *
 * ```
 * begin ─► requestHead ─► requestBody* ─► responseHead ─► responseBody* ─► log ─► end
 *             └─ Stop / wait …                                                     ▲ always reached
 * ```
 */
import type { NamedRule, RuleModes } from '#waf/rule-modes.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';

/** Bits of `Filter.phases`. */
export const phase = {
  requestHead: 1,
  requestBody: 2,
  responseHead: 4,
  responseBody: 8,
  log: 16,
  /** Holds the response until its body is whole, so that it can be changed. */
  buffersResponse: 32,
  /** Of packets, not of requests: it stands alone (`packet-filter.ts`). */
  packet: 64,
} as const;

export type FilterAbi = 'weir-1' | 'http-wasm' | 'proxy-wasm' | 'seclang';

export type FilterRuleSet = {
  readonly rules: readonly NamedRule[];
  /** Which thresholds a route may set. */
  readonly thresholds: readonly ('inbound' | 'outbound')[];
};

/** One version of a module in this worker. */
export interface Filter {
  readonly name: string;
  readonly sha256: string;
  readonly abi: FilterAbi;
  /** Bits of `phase`; the others are not called. */
  readonly phases: number;
  /** Of a rule set that carries the modes of its rules out itself; absent: the host goes by the rule of a stop. */
  readonly ruleSet?: FilterRuleSet;
  /** Instructions of all its calls so far. */
  readonly fuelUsed: number;
  /** Of its instances; null where that is not measured. */
  readonly memoryBytes: number | null;
  /** Wall time from its bytes to its first instance, in this worker; absent where nothing was made. */
  readonly readyMs?: number;
  /** Once a request, before its first phase. */
  begin(transaction: Transaction, resume: Resume, modes?: RuleModes): FilterRun;
  /** A failure that the host noticed, such as a wait without end: counted, and the policy. */
  fail(reason: string): Stop | null;
  /** Another version is live; requests that began with this one may still run to their end. */
  close(): void;
}

export interface FilterRun {
  requestHead(endOfStream: boolean): PhaseAnswer;
  requestBody(window: BodyWindow): PhaseAnswer;
  /** `transaction.response` is set during the call. */
  responseHead(endOfStream: boolean): PhaseAnswer;
  responseBody(window: BodyWindow): PhaseAnswer;
  log(record: LogRecord): void;
  /** Whether this request needs a phase that the filter has; absent: all of them. */
  wants?(bit: number): boolean;
  /** Asked before a head is shown: its call would do nothing, as what it looks at comes later. Absent: never. */
  defers?(bit: number, endOfStream: boolean): boolean;
  /** Always last, exactly once. */
  end(): void;
}

/**
 * Null: go on. `wait`: the run will call `resume` exactly once, later; after `waitMsMax` the module has
 * failed and its policy counts.
 */
export type PhaseAnswer = Stop | 'wait' | null;
export type Resume = (answer: Stop | null) => void;

export const waitMsMax = 5_000;

/** A stretch of a body. `bytes` is borrowed during the call. */
export type BodyWindow = {
  /** Begins with `overlap` bytes that were in the window before. */
  readonly bytes: Buffer;
  readonly overlap: number;
  /** Of the first new byte, in the body. */
  readonly position: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** The window holds the complete body. */
  readonly isWhole: boolean;
  /** What is behind it goes on unseen, as the route says; absent: it is shown too, or refused. */
  readonly restPasses?: boolean;
  /** With the last one: names and values in turn, as they came. Absent where there are none. */
  readonly trailers?: readonly string[];
};

/** What becomes of a request, once it is over. */
export type LogRecord = {
  readonly status: number;
  readonly outcome: 'forwarded' | 'blocked' | 'refused' | 'failed' | 'aborted' | 'answered';
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  readonly wafMs: number;
  /** The rule that decided, or empty. */
  readonly rule: string;
};
