/** What of an orchestrator's configuration contradicts itself, or what nodes do: each value alone would be fine. */
import { readTrust } from '#decisions/trust.ts';
import { type Draft, present } from './draft.ts';
import type { OrchestratorConfig } from './orchestrator-schema.ts';
import type { Say } from './problem.ts';

/** Nodes beat each 10 s (`#fleet/fleet-node.ts`); less than a beat and its way would call every node dead. */
const beatMs = 10_000;
const deadAfterMsMin = 12_000;

export function checkOrchestratorTerms(config: Draft<OrchestratorConfig>, say: Say): void {
  const { deadAfterMs, forgetAfterMs, max } = config.nodes ?? {};
  if (deadAfterMs !== undefined && deadAfterMs < deadAfterMsMin)
    say(
      'nodes.deadAfterMs',
      `${deadAfterMs} ms is less than a node that is well may be silent: it beats each ${beatMs / 1_000} s`,
      `write ${deadAfterMsMin} or more; with 30000 two beats may be lost`,
    );
  if (deadAfterMs !== undefined && forgetAfterMs !== undefined && forgetAfterMs < deadAfterMs)
    say(
      'nodes.forgetAfterMs',
      `${forgetAfterMs} ms is less than nodes.deadAfterMs (${deadAfterMs} ms): who is declared dead would be forgotten before anybody has seen it`,
      `write ${Math.max(deadAfterMs, 86_400_000)}`,
    );
  const nodes = nodesOf(config.fleet?.trust);
  if (max !== undefined && nodes !== null && nodes > max)
    say(
      'nodes.max',
      `${max} is less than the ${nodes} nodes the trust file has: the others would not be listed, drained or missed`,
      `write ${nodes} or more`,
    );
  if (config.fleet !== undefined) return;
  if (present(config.webhooks).length > 0)
    say(
      'webhooks',
      'are told when a node of the fleet dies, and there is no fleet section',
      'add one, as "weir fleet init" makes it, or take the webhooks out',
    );
  if (present(config.rollouts?.hold).length > 0)
    say(
      'rollouts.hold',
      'holds nodes of the fleet out of rollouts, and there is no fleet section',
      'add one, as "weir fleet init" makes it, or take it out',
    );
}

/** Null where the file says what is wrong with it elsewhere. */
function nodesOf(file: string | undefined): number | null {
  try {
    if (file === undefined) return null;
    return readTrust(file).members.filter(({ role }) => role === 'node').length;
  } catch {
    return null;
  }
}
