/**
 * Everything that can go wrong in operation, as one table.
 *
 * A decision about a request is a value (`#waf/verdict.ts`); our own mistake is an assertion
 * (`#core/assert.ts`); what the world does to us is a `WeirError` whose code stands here. Causes are
 * chained with `cause`, so a log line shows the system call that failed and a person sees the sentence.
 */

export const errorCodes = {
  CONFIG_INVALID: { status: 422, retry: false },
  CONFIG_NEEDS_RESTART: { status: 409, retry: false },
  STATE_UNUSABLE: { status: 500, retry: false },
  SHIELD_FAILED: { status: 502, retry: true },
  PRIVILEGES_KEPT: { status: 500, retry: false },
  LISTEN_FAILED: { status: 500, retry: false },
  WORKER_FAILED: { status: 500, retry: true },
  WORKER_TIMEOUT: { status: 504, retry: true },
  BLOCK_TARGET_INVALID: { status: 400, retry: false },
  BLOCK_CURSOR_INVALID: { status: 400, retry: false },
  BLOCK_LIST_FULL: { status: 507, retry: false },
  RULE_INVALID: { status: 400, retry: false },
  RULE_REFUSED: { status: 403, retry: false },
  RULE_UNKNOWN: { status: 404, retry: false },
  RULES_FULL: { status: 507, retry: false },
  RULES_UNREADABLE: { status: 422, retry: false },
  RULES_INVALID: { status: 422, retry: false },
  TESTS_UNREADABLE: { status: 422, retry: false },
  TESTS_FAILED: { status: 502, retry: false },
  MODULE_INVALID: { status: 422, retry: false },
  MODULE_UNKNOWN: { status: 404, retry: false },
  MODULE_UNREADABLE: { status: 422, retry: false },
  MODULE_HASH_REFUSED: { status: 422, retry: false },
  MODULE_SIGNATURE_REFUSED: { status: 422, retry: false },
  MODULE_TRIAL_FAILED: { status: 422, retry: false },
  MODULE_BUSY: { status: 409, retry: true },
  MODULE_VERSION_UNKNOWN: { status: 404, retry: false },
  MODULE_VERSION_UNUSABLE: { status: 409, retry: false },
  MODULE_STORE_FULL: { status: 507, retry: false },
  RECORDING_UNKNOWN: { status: 404, retry: false },
  RECORDING_BUSY: { status: 409, retry: true },
  RECORDINGS_FULL: { status: 507, retry: false },
  REPLAY_INVALID: { status: 400, retry: false },
  REPLAY_BUSY: { status: 409, retry: true },
  REPLAY_FAILED: { status: 500, retry: false },
  REPLAY_REFUSED: { status: 409, retry: false },
  SHADOW_UNKNOWN: { status: 404, retry: false },
  SHADOWS_FULL: { status: 507, retry: false },
  UPGRADE_FAILED: { status: 502, retry: true },
  UPGRADE_UNAVAILABLE: { status: 409, retry: false },
  ACME_FAILED: { status: 502, retry: true },
  CERTIFICATE_UNKNOWN: { status: 404, retry: false },
  KERNEL_UNAVAILABLE: { status: 503, retry: false },
  KERNEL_OBJECT_INVALID: { status: 500, retry: false },
  KERNEL_PROGRAM_REFUSED: { status: 500, retry: false },
  KERNEL_ATTACH_FAILED: { status: 503, retry: false },
  KERNEL_CALL_FAILED: { status: 500, retry: false },
  KERNEL_MAP_FULL: { status: 507, retry: false },
  SHAPES_DIFFER: { status: 409, retry: false },
  SWAP_REFUSED: { status: 409, retry: false },
  FEED_UNKNOWN: { status: 404, retry: false },
  FLEET_TRUST_INVALID: { status: 422, retry: false },
  FLEET_DECISION_INVALID: { status: 400, retry: false },
  FLEET_NOT_ALLOWED: { status: 403, retry: false },
  FLEET_BUDGET_SPENT: { status: 429, retry: true },
  FLEET_CLOCK_BEHIND: { status: 503, retry: true },
  FLEET_LIST_FULL: { status: 507, retry: false },
  FLEET_TARGET_PROTECTED: { status: 403, retry: false },
  FLEET_OFF: { status: 409, retry: false },
  FLEET_BUS_FAILED: { status: 503, retry: true },
  FLEET_KEY_UNUSABLE: { status: 500, retry: false },
  FLEET_FILE_EXISTS: { status: 409, retry: false },
  FLEET_FOLDER_INVALID: { status: 422, retry: false },
  FLEET_FOLDER_BUSY: { status: 409, retry: true },
  FLEET_MEMBER_EXISTS: { status: 409, retry: false },
  FLEET_MEMBER_UNKNOWN: { status: 404, retry: false },
  FLEET_ROSTER_REFUSED: { status: 409, retry: false },
  FLEET_DEMO_FAILED: { status: 500, retry: false },
  ROLLOUT_INVALID: { status: 400, retry: false },
  ROLLOUT_UNKNOWN: { status: 404, retry: false },
  ROLLOUT_BUSY: { status: 409, retry: true },
  ROLLOUT_ENDED: { status: 409, retry: false },
  CONTENT_UNKNOWN: { status: 404, retry: false },
  POLICY_INVALID: { status: 422, retry: false },
  EVENT_UNKNOWN: { status: 404, retry: false },
  EXCLUSION_IMPOSSIBLE: { status: 409, retry: false },
  EXCLUSION_UNKNOWN: { status: 404, retry: false },
  EXCLUSIONS_FULL: { status: 507, retry: false },
  TOKEN_EXISTS: { status: 409, retry: false },
  TOKEN_UNKNOWN: { status: 404, retry: false },
  TOKENS_FULL: { status: 507, retry: false },
  GRANT_REFUSED: { status: 403, retry: false },
  NODE_UNKNOWN: { status: 404, retry: false },
  NODE_ENDED: { status: 409, retry: false },
  NODE_UNREACHABLE: { status: 502, retry: true },
  NODE_REFUSED: { status: 502, retry: false },
  NODE_ADDRESS_REFUSED: { status: 403, retry: false },
  NOT_LEADER: { status: 409, retry: false },
  SHUTTING_DOWN: { status: 503, retry: false },
  DAEMON_UNREACHABLE: { status: 503, retry: true },
  DAEMON_REFUSED: { status: 502, retry: false },
} as const satisfies Record<string, { status: number; retry: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

export class WeirError extends Error {
  readonly code: ErrorCode;
  /** More than one thing can be wrong at once; each line says where and what to do. */
  readonly details: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: readonly string[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WeirError';
    this.code = code;
    this.details = options.details ?? [];
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** The message of anything thrown, with the chain of causes behind it. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && parts.length < 5; ) {
    parts.push(at instanceof Error ? at.message : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ');
}
