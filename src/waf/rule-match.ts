/**
 * One rule that had something to say of a request, whatever became of it: what events show, exclusions are made
 * from and recordings are compared by. Texts are latin1, as they came; who writes them down masks them first.
 */
export type RuleMatch = {
  /** `NAME/ID` for a rule of SecLang, else as the module names it: `path-traversal/dot-dot`. */
  readonly rule: string;
  readonly message: string;
  /** As syslog has them, 0 to 7 (RFC 5424 section 6.2.1); null where the rule says none. */
  readonly severity: number | null;
  readonly tags: readonly string[];
  /** Where: `ARGS:q`, `path`, `header:user-agent`. */
  readonly target: string;
  /** What matched, at most `matchedBytesMax` bytes. */
  readonly matched: string;
  /** What it adds to the score; null or left out where the rule says none. */
  readonly points?: number | null;
  /** Of the rule on the route. Monitor: it was worked out and changed nothing. */
  readonly mode: 'block' | 'challenge' | 'monitor';
};

/** What is kept of one request; the rest is counted. */
export const ruleMatchesMax = 64;
