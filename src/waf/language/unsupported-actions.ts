/** Actions that ModSecurity has and Weir does not run, each with the reason and what to do instead. */
import { nearestName } from '#core/nearest-name.ts';
import type { Action } from './action-list.ts';
import { RuleError } from './problem.ts';
import type { RefusedPart } from './target-list.ts';
import { type Refusal, refusalNamed } from './variable-kinds.ts';

const redaction = {
  reason: 'what is redacted in logs is the policy of the route',
  fix: 'say routes[].waf.matched (full, masked or none), and remove this action',
};
const rewriting = {
  reason: 'rules do not write into bodies',
  fix: 'write it as a module (weir module new)',
};

export const refusedActions: Readonly<Record<string, Refusal>> = {
  append: rewriting,
  prepend: rewriting,
  exec: {
    reason: 'a program or script would run for each request',
    fix: 'write it as a module (weir module new)',
  },
  pause: { reason: 'a request that waits costs us and not its sender', fix: 'use deny' },
  setenv: {
    reason: 'there is no web server whose environment would keep it',
    fix: "keep it for other rules by setvar:'tx.name=value'",
  },
  proxy: { reason: 'where requests go is decided by routes', fix: 'use deny or redirect' },
  sanitiseArg: redaction,
  sanitiseMatched: redaction,
  sanitiseMatchedBytes: redaction,
  sanitiseRequestHeader: redaction,
  sanitiseResponseHeader: redaction,
};

export const actionNames: readonly string[] = [
  ...['accuracy', 'allow', 'auditlog', 'block', 'capture', 'chain', 'ctl', 'deny', 'drop', 'id'],
  ...['initcol', 'log', 'logdata', 'maturity', 'msg', 'multiMatch', 'noauditlog', 'nolog', 'pass'],
  ...['phase', 'redirect', 'rev', 'setvar', 'severity', 'skip', 'skipAfter', 'status'],
  ...['t', 'tag', 'ver', 'xmlns'],
];

export function refusedAction(action: Action): RefusedPart {
  const american = action.name.replace('sanitize', 'sanitise');
  const refusal = refusalNamed(refusedActions, american);
  if (refusal !== null) {
    return {
      position: action.position,
      reason: `${refusal.name}: ${refusal.reason}`,
      fix: refusal.fix,
    };
  }
  const near = nearestName(action.name, actionNames);
  throw new RuleError(
    action.position,
    `there is no action "${action.name}"`,
    near === null ? "put a value with blanks or commas into '…'" : `did you mean ${near}?`,
  );
}

/** Prefixes serve XPath alone, and of XPath only what needs none is here; still, nonsense is not kept. */
export function checkNamespace(action: Action): void {
  if (/^[A-Za-z_][\w.-]*='?https?:\/\/[^']+'?$/.test(action.value ?? '')) return;
  throw new RuleError(
    action.valueAt(0),
    `"${action.value ?? ''}" declares no namespace`,
    "write xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'",
  );
}
