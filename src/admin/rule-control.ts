/** What the management API needs of the L4 rules of a node. Texts are as the command line takes them. */

export interface RuleControl {
  list(): Promise<RuleList>;
  /** Resolves when the kernel has it, or it is known that the kernel does not. */
  add(request: RuleRequest, caller: Caller): Promise<RuleAnswer>;
  /** Throws RULE_UNKNOWN. */
  delete(id: number, caller: Caller): Promise<RuleAnswer>;
  clear(): Promise<RuleChange>;
}

/** The two ends of the connection a request came by: a rule that drops its packets cannot be taken back by it. */
export type Caller = {
  readonly address: string;
  readonly localAddress: string;
  readonly localPort: number;
};

export type RuleRequest = {
  readonly source: string | null;
  readonly destination: string | null;
  readonly port: string | null;
  readonly protocol: string | null;
  readonly action: string;
  /** Place in the list, from 1; null for the last. */
  readonly order: number | null;
  /** Says that a rule which drops everything is meant. */
  readonly all: boolean;
  readonly reason: string;
  readonly ttlSeconds: number | null;
};

export type RuleEntry = {
  /** From 1: the first that matches decides. */
  readonly order: number;
  readonly id: number;
  /** Null is any. */
  readonly source: string | null;
  readonly destination: string | null;
  readonly port: string | null;
  readonly protocol: string | null;
  readonly action: 'pass' | 'drop' | 'inspect';
  readonly reason: string;
  /** RFC 3339; no end is null. */
  readonly createdAt: string;
  readonly expiresAt: string | null;
  /** Null where nobody counts. */
  readonly hits: { readonly packets: number; readonly bytes: number } | null;
};

export type RuleList = RuleChange & { readonly entries: readonly RuleEntry[] };

export type RuleChange = {
  readonly version: number;
  readonly count: number;
  /** Whether this version is in force. */
  readonly kernel: boolean;
  /** Why it is not. */
  readonly problem: string | null;
};

export type RuleAnswer = RuleChange & {
  readonly id: number;
  /** As the command line takes it. */
  readonly rule: string;
  /** Its place in the list; the one it had where it is deleted. */
  readonly order: number;
  readonly expiresAt: string | null;
};

/** In the status of a node. */
export type RuleStatus = RuleChange;
