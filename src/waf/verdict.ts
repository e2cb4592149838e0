/** What a rule module decides of a request: a value, never an exception. */

/** Ends the request here; the first one decides. */
export type Stop = Block | Challenge | Limited | LocalAnswer;

export type Finding = {
  /** The rule that decided, as the module names it, for example `path-traversal/dot-dot`. */
  readonly rule: string;
  /** One sentence for the operator. Not shown to the client. */
  readonly reason: string;
  /** Where it matched, for example `path`, `query` or `header:user-agent`. */
  readonly target: string;
  /** The matched part, latin1, at most `matchedBytesMax` bytes, still to be redacted for logs. */
  readonly matched: string;
  /** All rules that had something to say, where a rule set decides by the sum of them. */
  readonly matches?: readonly string[];
};

export type Block = Finding & {
  readonly kind: 'block';
  /** HTTP status the client gets, 400 to 599. */
  readonly status: number;
  /** With 405: the methods that are served, for Allow. */
  readonly allow?: string;
};

/** The client has to show that it is a browser, or at least that it spends time. */
export type Challenge = Finding & { readonly kind: 'challenge' };

/** A rate is used up: 429. */
export type Limited = Finding & {
  readonly kind: 'limited';
  readonly retryAfterSeconds: number;
};

/** A whole answer made by a filter that speaks another ABI than Weir's own. */
export type LocalAnswer = Finding & {
  readonly kind: 'answer';
  readonly status: number;
  /** Names in lower case, latin1 values; neither framing nor hop-by-hop fields. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
};

/** Bound on `Finding.matched`, in bytes. */
export const matchedBytesMax = 128;

/** What the client gets for a stop that is no whole answer of its own. */
export function statusOfStop(stop: Stop): number {
  switch (stop.kind) {
    case 'block':
    case 'answer':
      return stop.status;
    case 'limited':
      return 429;
    case 'challenge':
      return 403;
  }
}
