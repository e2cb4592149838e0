/**
 * What this node blocks, as decisions for bouncers: all of it, or what has changed since a bouncer asked last.
 *
 * ```
 * drop ─► ban      challenge ─► captcha      monitor ─► not said, as nobody is to enforce it
 * ```
 *
 * A block without an end is said with a long one, and said again to each bouncer well before that: bouncers forget
 * decisions by themselves. One that asks for the first time, or after longer than is known, gets all of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { wallMs } from '#core/clock.ts';
import { cidrContains, parseCidr } from '#core/ip.ts';
import type { CrowdsecDecision } from './decision.ts';
import { formatGoDuration } from './go-duration.ts';

/** What is enforced of a target. */
export type ServedBlock = {
  readonly target: string;
  readonly action: 'drop' | 'challenge' | 'monitor';
  readonly origin: string;
  readonly reason: string;
  readonly expiresAtMs: number | null;
};

export interface ServedBlocks {
  readonly version: number;
  find(target: string): ServedBlock | null;
  targets(): readonly string[];
  /** Null where that is not known any more. */
  changedSince(version: number): ReadonlySet<string> | null;
}

export type DecisionFilter = {
  readonly scopes: ReadonlySet<string> | null;
  readonly origins: ReadonlySet<string> | null;
  readonly type: string | null;
  readonly containing: readonly string[];
  readonly notContaining: readonly string[];
};

/** What a bouncer was told. */
export type ToldBouncer = { readonly version: number; readonly allAtMs: number };

export type StreamAnswer = {
  readonly told: ToldBouncer;
  readonly added: readonly CrowdsecDecision[];
  readonly deleted: readonly CrowdsecDecision[];
};

/** What a block without an end is said to last, and after how much of it everything is said again. */
export const endlessMs = 500 * 3_600_000;
const sayAgainMs = endlessMs / 2;
const targetsATurn = 2_000;

export async function streamDecisions(
  blocks: ServedBlocks,
  filter: DecisionFilter,
  told: ToldBouncer | null,
): Promise<StreamAnswer> {
  const now = wallMs();
  // Before the look: what changes meanwhile is said again the next time.
  const { version } = blocks;
  const isFresh = told !== null && now - told.allAtMs < sayAgainMs;
  const changed = isFresh ? blocks.changedSince(told.version) : null;
  const added: CrowdsecDecision[] = [];
  const deleted: CrowdsecDecision[] = [];
  let looked = 0;
  for (const target of changed ?? blocks.targets()) {
    if (++looked % targetsATurn === 0) await nextTurn();
    const block = blocks.find(target);
    const decision = block === null ? null : decisionOf(block, now);
    if (decision !== null && passes(decision, filter)) added.push(decision);
    else if (changed !== null) deleted.push(...endedDecisions(target));
  }
  return {
    told: { version, allAtMs: changed === null ? now : (told?.allAtMs ?? now) },
    added,
    deleted,
  };
}

/** Those that hold now, for one address, one range, or all. Null where the address or range is none. */
export async function currentDecisions(
  blocks: ServedBlocks,
  filter: DecisionFilter,
  asked: { readonly text: string; readonly contains: boolean } | null,
): Promise<readonly CrowdsecDecision[] | null> {
  const range = asked === null ? null : parseCidr(asked.text);
  if (asked !== null && range === null) return null;
  const now = wallMs();
  const found: CrowdsecDecision[] = [];
  let looked = 0;
  for (const target of blocks.targets()) {
    if (++looked % targetsATurn === 0) await nextTurn();
    if (range !== null && asked !== null) {
      const own = parseCidr(target);
      if (own === null || own.family !== range.family) continue;
      // As the Local API has it: what holds the asked one, or else what the asked one holds.
      const [outer, inner] = asked.contains ? [own, range] : [range, own];
      if (outer.prefix > inner.prefix || !cidrContains(outer, inner)) continue;
    }
    const block = blocks.find(target);
    const decision = block === null ? null : decisionOf(block, now);
    if (decision !== null && passes(decision, filter)) found.push(decision);
  }
  return found;
}

function decisionOf(block: ServedBlock, nowMs: number): CrowdsecDecision | null {
  const { target, action, origin, reason, expiresAtMs } = block;
  if (action === 'monitor') return null;
  const leftMs = expiresAtMs === null ? endlessMs : expiresAtMs - nowMs;
  if (leftMs <= 0) return null;
  return {
    duration: formatGoDuration(leftMs),
    id: idOf(target),
    origin,
    scenario: reason === '' ? origin : reason,
    scope: scopeOf(target),
    type: action === 'drop' ? 'ban' : 'captcha',
    value: target,
  };
}

/** Of either type, as nobody remembers which it was. */
const endedDecisions = (target: string): CrowdsecDecision[] =>
  ['ban', 'captcha'].map((type) => ({
    duration: '-1s',
    id: idOf(target),
    origin: 'weir',
    scenario: 'ended',
    scope: scopeOf(target),
    type,
    value: target,
  }));

const scopeOf = (target: string): string => (target.includes('/') ? 'Range' : 'Ip');

function passes(
  { scope, origin, type, scenario }: CrowdsecDecision,
  filter: DecisionFilter,
): boolean {
  return (
    (filter.scopes === null || filter.scopes.has(scope.toLowerCase())) &&
    (filter.origins === null || filter.origins.has(origin)) &&
    (filter.type === null || filter.type === type) &&
    (filter.containing.length === 0 || filter.containing.some((text) => scenario.includes(text))) &&
    !filter.notContaining.some((text) => scenario.includes(text))
  );
}

/** The same for one target wherever and whenever it is asked for: two FNV-1a halves, 52 bits. */
function idOf(target: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let at = 0; at < target.length; at++) {
    const code = target.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + at), 0x01000193);
  }
  return ((high >>> 0) % 0x100000) * 0x100000000 + (low >>> 0) || 1;
}
