/** What commands about rollouts ask of an orchestrator, and how they say what came of it. */
import type { Static } from 'typebox';
import { usageError } from '#cli/cli-error.ts';
import type { CommandContext } from '#cli/command.ts';
import { slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { type ExitCode, exitCodes } from '#cli/exit-codes.ts';
import { type ModuleWithBeside, moduleBody } from '#cli/module-beside.ts';
import { callOrchestrator } from '#cli/orchestrator-client.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { rolloutTerms } from '#cli/rollout-terms.ts';
import { counted, shortHash } from '#cli/words.ts';
import { contentAnswer, rolloutAnswer } from '#orchestrator/rollout-schema.ts';
import type { ContentKind } from '#rollout/content.ts';

export type RolloutAnswer = Static<typeof rolloutAnswer>;
type ContentAnswer = Static<typeof contentAnswer>;

const followMs = 500;

/** Names under `waf.rules`, and of policies. */
export function rulesName(name: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name)) return name;
  throw usageError(`"${name}" is no name: lower-case letters, digits, - and _`);
}

export function uploadModule(
  context: CommandContext,
  name: string,
  module: ModuleWithBeside,
): Promise<ContentAnswer> {
  return callOrchestrator(context, {
    method: 'POST',
    path: `/api/v1/modules/${rulesName(name)}`,
    answer: contentAnswer,
    json: moduleBody(module),
    timeoutMs: slowCallTimeoutMs,
  });
}

export function uploadPolicy(
  context: CommandContext,
  name: string,
  policy: string,
): Promise<ContentAnswer> {
  return callOrchestrator(context, {
    method: 'POST',
    path: `/api/v1/policies/${rulesName(name)}`,
    answer: contentAnswer,
    json: { policy },
  });
}

export async function startAndFollow(
  context: CommandContext,
  what: { readonly kind: ContentKind; readonly name: string; readonly sha256: string },
): Promise<ExitCode> {
  const started = await callOrchestrator(context, {
    method: 'POST',
    path: '/api/v1/rollouts',
    answer: rolloutAnswer,
    json: { ...what, name: rulesName(what.name), ...rolloutTerms(context.given) },
    timeoutMs: slowCallTimeoutMs,
  });
  if (context.given.flag('wait')) return follow(context, started);
  context.print.answer(
    started,
    () =>
      `${started.id} has begun: ${what.kind} ${printable(what.name)}, ${shortHash(what.sha256)}\nfollow it with: weir rollout show ${started.id}`,
  );
  return exitCodes.ok;
}

/** Each step when it happens; as JSON the rollout as it ended. */
export async function follow(context: CommandContext, begun: RolloutAnswer): Promise<ExitCode> {
  const { print } = context;
  let said = 0;
  for (let at = begun; ; ) {
    if (!print.json) for (const step of at.steps.slice(said)) print.line(stepText(step));
    said = at.steps.length;
    if (at.state === 'done' || at.state === 'rolled-back') {
      print.answer(at, () => endText(at));
      return at.state === 'done' ? exitCodes.ok : exitCodes.failure;
    }
    await new Promise((resolve) => setTimeout(resolve, followMs));
    at = await showRollout(context, at.id);
  }
}

export function showRollout(context: CommandContext, id: string): Promise<RolloutAnswer> {
  return callOrchestrator(context, {
    method: 'GET',
    path: `/api/v1/rollouts/${id}`,
    answer: rolloutAnswer,
  });
}

const stepText = ({ at, text }: RolloutAnswer['steps'][number]): string =>
  `${formatTime(at)}  ${printable(text)}`;

function endText({ id, state, live, why }: RolloutAnswer): string {
  return state === 'done'
    ? `${id} is done: ${counted(live, 'node')} run it`
    : `${id} was taken back: ${printable(why ?? '')}`;
}

export function placeText({ state, phase, stage, stages }: RolloutAnswer): string {
  if (state === 'done' || state === 'rolled-back') return '';
  if (state === 'rolling-back') return 'going back';
  return phase === 'measuring' ? 'measuring' : `${phase}, stage ${stage} of ${stages.length}`;
}

export function stateCell(state: RolloutAnswer['state']): Cell {
  if (state === 'done') return { text: state, style: 'green' };
  return {
    text: state,
    style: state === 'rolled-back' || state === 'rolling-back' ? 'red' : 'yellow',
  };
}

export const stepRows = ({ steps }: RolloutAnswer): string[] => steps.map(stepText);
