/** What a rule module says of a request: a value, never an exception. */

export type Verdict = Allow | Block;

export type Allow = { readonly kind: 'allow' };

export type Block = {
  readonly kind: 'block';
  /** HTTP status the client gets, 400 to 599. */
  readonly status: number;
  /** The rule that decided, as the module names it, for example `path-traversal/dot-dot`. */
  readonly rule: string;
  /** One sentence for the operator. Not shown to the client. */
  readonly reason: string;
  /** Where it matched, for example `path`, `query` or `header:user-agent`. */
  readonly target: string;
  /** The matched part, latin1, at most `matchedBytesMax` bytes, still to be redacted for logs. */
  readonly matched: string;
};

/** Bound on `Block.matched`, in bytes. */
export const matchedBytesMax = 128;

export const allow: Allow = { kind: 'allow' };
