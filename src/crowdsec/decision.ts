/**
 * A decision as CrowdSec's Local API and its bouncers speak of it.
 *
 * ```
 * {"duration":"3h59m58.8s","id":1,"origin":"cscli","scenario":"ssh bruteforce","scope":"Ip","type":"ban","value":"45.83.64.1"}
 * ```
 *
 * What comes from an agent is another program's bytes: a decision that is not understood is counted and left out,
 * an answer that is no such answer is refused whole.
 */
import { type Cidr, parseCidr } from '#core/ip.ts';
import { parseGoDuration } from './go-duration.ts';

export type CrowdsecDecision = {
  readonly duration: string;
  readonly id: number;
  readonly origin: string;
  readonly scenario: string;
  readonly scope: string;
  readonly type: string;
  readonly value: string;
};

/** What of a decision matters here. */
export type ReadDecision = {
  readonly cidr: Cidr;
  readonly type: 'ban' | 'captcha';
  readonly origin: string;
  readonly scenario: string;
  /** From when it was read; zero or less for one that has ended. */
  readonly lastsMs: number;
};

export type DecisionStream = {
  readonly added: readonly ReadDecision[];
  readonly deleted: readonly ReadDecision[];
  /** Of other scopes and types, or not understood. */
  readonly ignored: number;
};

const textCharactersMax = 256;

/** Throws with what is wrong, in words. */
export function readDecisionStream(text: string): DecisionStream {
  const value = jsonOf(text);
  if (!isRecord(value) || !('new' in value) || !('deleted' in value))
    throw new Error('the answer is no decision stream');
  const added = readDecisions(value['new']);
  const deleted = readDecisions(value['deleted']);
  return {
    added: added.decisions,
    deleted: deleted.decisions,
    ignored: added.ignored + deleted.ignored,
  };
}

function readDecisions(list: unknown): { decisions: ReadDecision[]; ignored: number } {
  if (list === null) return { decisions: [], ignored: 0 };
  if (!Array.isArray(list)) throw new Error('the answer is no decision stream');
  const decisions: ReadDecision[] = [];
  for (const one of list as readonly unknown[]) {
    const decision = readDecision(one);
    if (decision !== null) decisions.push(decision);
  }
  return { decisions, ignored: list.length - decisions.length };
}

function readDecision(value: unknown): ReadDecision | null {
  if (!isRecord(value)) return null;
  const { duration, scope, type, value: target, origin, scenario } = value;
  if (typeof scope !== 'string' || !/^(?:ip|range)$/i.test(scope)) return null;
  const kind = typeof type === 'string' ? type.toLowerCase() : '';
  if (kind !== 'ban' && kind !== 'captcha') return null;
  const cidr = typeof target === 'string' ? parseCidr(target) : null;
  const lastsMs = typeof duration === 'string' ? parseGoDuration(duration) : null;
  if (cidr === null || lastsMs === null) return null;
  return { cidr, type: kind, origin: plain(origin), scenario: plain(scenario), lastsMs };
}

/** As a log and a terminal can show it. */
const plain = (value: unknown): string =>
  typeof value === 'string'
    ? value.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, textCharactersMax)
    : '';

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the answer is no JSON');
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
