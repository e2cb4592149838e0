/**
 * What comes next in a rollout, of what is known now: a function of the rollout as it is kept and of what nodes have
 * said, without clocks, sockets or disks of its own. It returns the same value where nothing is to be done.
 *
 * A guard looks at every node that was told, in every phase, in a pause too. What it finds stops the rollout and
 * takes it back; the sentence it says is the report.
 */
import { isDeepStrictEqual } from 'node:util';
import { judge } from './guards.ts';
import type { Health, RecentHealth } from './health.ts';
import type { ReportItem } from './node-report.ts';
import { type Rollout, withStep } from './rollout.ts';
import { isMeant } from './rule-set.ts';
import { stageNodes, stageText } from './stages.ts';

export type NodeView = {
  readonly id: string;
  readonly tags: readonly string[];
  /** `silent`: registered or active, and it does not speak of rules. */
  readonly life: 'there' | 'silent' | 'leaving' | 'dead' | 'gone';
  /** What it says of this rollout; null as long as it speaks of another one, or of none. */
  readonly item: ReportItem | null;
  /** The latest stretch of time that does not begin before; null without two reports in it. */
  healthSince(atMs: number): RecentHealth | null;
  /** The latest stretch until now. */
  healthNow(): Health | null;
};

export type FleetView = { readonly nowMs: number; readonly nodes: readonly NodeView[] };

export function nextOf(rollout: Rollout, fleet: FleetView): Rollout {
  if (rollout.state === 'rolling-back') return back(rollout, fleet);
  if (rollout.state !== 'running' && rollout.state !== 'paused') return rollout;
  const noted = noteLive(withLate(rollout, fleet), fleet);
  const wrong = firstWrong(noted, fleet);
  if (wrong !== null) return stopped(noted, fleet.nowMs, wrong, 'guard');
  if (noted.state === 'paused') return noted;
  if (noted.phase === 'measuring') return measured(noted, fleet);
  return noted.phase === 'applying' ? applied(noted, fleet) : soaked(noted, fleet);
}

/** From here on nodes are told to go back. */
export function stopped(
  rollout: Rollout,
  nowMs: number,
  why: string,
  stoppedBy: 'guard' | 'operator',
): Rollout {
  const at = rollout.state === 'done' ? 'after its end' : `in ${placeText(rollout)}`;
  const next: Rollout = {
    ...rollout,
    ...{ state: 'rolling-back', stageAtMs: nowMs, endedAtMs: null, stoppedBy },
    why: why.slice(0, 600),
  };
  return withStep(next, nowMs, `stopped ${at} and taken back: ${why}`);
}

/** Who goes on here has heard nothing of what was before: the stage is looked at anew. */
export function resoaked(rollout: Rollout, nowMs: number, by: string): Rollout {
  if (rollout.soakAtMs === null || !['running', 'paused'].includes(rollout.state)) return rollout;
  const next = { ...rollout, soakAtMs: nowMs };
  return withStep(next, nowMs, `${by} goes on, and soaks ${placeText(rollout)} anew`);
}

export const placeText = ({ stage, stages, phase }: Rollout): string =>
  phase === 'measuring'
    ? 'the time before the first stage'
    : `stage ${stage + 1} of ${stages.length}`;

const mayHave = (rollout: Rollout, node: NodeView): boolean => isMeant(rollout, node.tags);

/** Nodes that came after the start stand behind the others; after the last stage began they have it at once. */
function withLate(rollout: Rollout, { nodes }: FleetView): Rollout {
  const known = new Set(rollout.order);
  const late = nodes.filter(
    (node) => node.life === 'there' && !known.has(node.id) && mayHave(rollout, node),
  );
  if (late.length === 0) return rollout;
  const order = [...rollout.order, ...late.map(({ id }) => id)];
  const isLast = rollout.phase !== 'measuring' && rollout.stage === rollout.stages.length - 1;
  return { ...rollout, order, told: isLast ? order : rollout.told };
}

function toldNodes({ told }: Rollout, { nodes }: FleetView): NodeView[] {
  const isTold = new Set(told);
  return nodes.filter(({ id }) => isTold.has(id));
}

function noteLive(rollout: Rollout, fleet: FleetView): Rollout {
  const fresh = toldNodes(rollout, fleet).filter(
    ({ id, item }) =>
      rollout.liveAtMs[id] === undefined &&
      item?.state === 'live' &&
      item.running === rollout.content.sha256,
  );
  if (fresh.length === 0) return rollout;
  const times = Object.fromEntries(fresh.map(({ id }) => [id, fleet.nowMs]));
  return { ...rollout, liveAtMs: { ...rollout.liveAtMs, ...times } };
}

function firstWrong(rollout: Rollout, fleet: FleetView): string | null {
  for (const node of toldNodes(rollout, fleet)) {
    const found = wrongOf(rollout, node, fleet.nowMs);
    if (found !== null) return `${node.id}: ${found}`;
  }
  return null;
}

function wrongOf(rollout: Rollout, node: NodeView, nowMs: number): string | null {
  const { item, life } = node;
  const liveAtMs = rollout.liveAtMs[node.id];
  if (item?.state === 'refused') return `it does not take it: ${item.reason}`;
  if (item?.state === 'differs') return `it does not run it any more: ${item.reason}`;
  if (life === 'dead') return 'it died after it was told to run it';
  if (liveAtMs !== undefined) {
    const now = node.healthSince(liveAtMs);
    return now === null ? null : judge(now, rollout.baseline[node.id] ?? null, rollout.guards);
  }
  if (life === 'leaving' || life === 'gone' || item?.state === 'held') return null;
  if (nowMs - rollout.stageAtMs <= rollout.applyMs) return null;
  const reason = item === null ? 'it has said nothing of it' : item.reason || item.state;
  return `it does not run it ${seconds(rollout.applyMs)} after it was told to: ${reason}`;
}

function measured(rollout: Rollout, fleet: FleetView): Rollout {
  const { nowMs } = fleet;
  const there = fleet.nodes.filter((node) => node.life === 'there' && mayHave(rollout, node));
  const found = there.map((node) => [node.id, node.healthNow()] as const);
  const isEnough = found.every(
    ([, past]) => past !== null && past.requests >= rollout.guards.requestsMin,
  );
  if (nowMs - rollout.startedAtMs < rollout.baselineMs && !(isEnough && found.length > 0))
    return rollout;
  if (there.length === 0)
    return ended(
      { ...rollout, why: 'no node is there that may have it', stoppedBy: 'guard' },
      nowMs,
      'rolled-back',
      'stopped before the first stage: no node is there that may have it',
    );
  const compared = found.filter(([, past]) => past !== null && past.requests > 0).length;
  const next = { ...rollout, baseline: Object.fromEntries(found) };
  const said = `${compared} of ${there.length} nodes have traffic to compare with`;
  return entered(withStep(next, nowMs, said), fleet, 0);
}

function entered(rollout: Rollout, fleet: FleetView, stage: number): Rollout {
  const { nowMs } = fleet;
  const terms = rollout.stages[stage];
  if (terms === undefined)
    return ended(
      rollout,
      nowMs,
      'done',
      `done: ${Object.keys(rollout.liveAtMs).length} nodes run it`,
    );
  const isThere = new Set(fleet.nodes.filter(({ life }) => life === 'there').map(({ id }) => id));
  const able = rollout.order.filter((id) => isThere.has(id) || rollout.told.includes(id));
  const told = [...new Set([...rollout.told, ...able])].slice(
    0,
    Math.max(rollout.told.length, stageNodes(terms, able.length)),
  );
  const fresh = told.filter((id) => !rollout.told.includes(id));
  const next: Rollout = {
    ...rollout,
    ...{ phase: 'applying', stage, stageAtMs: nowMs, soakAtMs: null, told },
  };
  return withStep(
    next,
    nowMs,
    `stage ${stage + 1} of ${rollout.stages.length}, ${stageText(terms)}: ${listText(fresh)}`,
  );
}

function applied(rollout: Rollout, fleet: FleetView): Rollout {
  const missing = toldNodes(rollout, fleet).some(
    ({ id, life, item }) =>
      rollout.liveAtMs[id] === undefined &&
      (life === 'there' || life === 'silent') &&
      item?.state !== 'held',
  );
  if (missing) return rollout;
  return { ...rollout, phase: 'soaking', soakAtMs: fleet.nowMs };
}

function soaked(rollout: Rollout, fleet: FleetView): Rollout {
  // One that came while the others soak has its own time to take it.
  const terms = rollout.stages[rollout.stage];
  const since = rollout.soakAtMs ?? fleet.nowMs;
  if (terms !== undefined && fleet.nowMs - since < terms.soakMs) return rollout;
  return entered(rollout, fleet, rollout.stage + 1);
}

function back(rollout: Rollout, fleet: FleetView): Rollout {
  const { nowMs } = fleet;
  const wanted = rollout.before?.content?.sha256 ?? null;
  const isBack = ({ item }: NodeView): boolean =>
    item !== null &&
    (item.state === 'own' ||
      item.state === 'held' ||
      (item.state === 'live' && item.running === wanted));
  const open = toldNodes(rollout, fleet).filter(
    (node) => (node.life === 'there' || node.life === 'silent') && !isBack(node),
  );
  if (open.length > 0 && nowMs - rollout.stageAtMs <= rollout.applyMs) return rollout;
  const left =
    open.length === 0
      ? 'every node that had it runs what it ran before'
      : `not yet back: ${open.map(({ id, item }) => `${id} (${item?.reason || 'silent'})`).join(', ')}; each goes back as soon as it can`;
  return ended(rollout, nowMs, 'rolled-back', left);
}

/** What only mattered on the way is given up. */
function ended(
  rollout: Rollout,
  nowMs: number,
  state: 'done' | 'rolled-back',
  said: string,
): Rollout {
  return withStep({ ...rollout, state, endedAtMs: nowMs, soakAtMs: null }, nowMs, said);
}

const seconds = (ms: number): string => `${Math.round(ms / 1_000)} s`;

function listText(names: readonly string[]): string {
  if (names.length === 0) return 'nobody new';
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}

/** Whether something happened between the two. */
export const differs = (a: Rollout, b: Rollout): boolean => a !== b && !isDeepStrictEqual(a, b);
