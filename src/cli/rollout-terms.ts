/** The terms of a rollout as they are written on the command line, for `weir rollout start` and `weir module load --fleet`. */
import { usageError } from '#cli/cli-error.ts';
import type { CommandOption } from '#cli/command.ts';
import { parseDuration } from '#cli/duration.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { type Stage, soakMsMax, stageDefaults, stagesMax } from '#rollout/stages.ts';

const text = (name: string, value: string, summary: string): CommandOption => ({
  ...{ name, kind: 'text', value, summary },
});

export const rolloutOptions: readonly CommandOption[] = [
  text(
    'stages',
    'LIST',
    'how many nodes have it, one after another, with --soak or a time of each behind it: 1:10m,25%:1h,all:5m (1,25%,all)',
  ),
  text(
    'soak',
    'TIME',
    'how long nothing may go wrong before the next stage, and after the last (1m)',
  ),
  text('baseline', 'TIME', 'how long nodes are looked at before the first has it (30s at most)'),
  text('apply', 'TIME', 'how long a node may take to run it (1m)'),
  {
    name: 'only',
    kind: 'texts',
    value: 'TAG',
    summary: 'for nodes with this tag alone; may be given again',
  },
  {
    name: 'hold',
    kind: 'texts',
    value: 'TAG',
    summary: 'nodes with this tag keep what they run; may be given again',
  },
  text(
    'errors',
    'PERCENT',
    'growth of the share of answers with a status of 500 and above that is borne (1)',
  ),
  text(
    'blocks',
    'PERCENT',
    'change of the share of blocked requests that is borne, up or down (5)',
  ),
  text(
    'latency',
    'FACTOR',
    'how many times as long the slowest hundredth of requests may take (2)',
  ),
  text('failures', 'N', 'calls in which rule modules fail that are borne on a node (0)'),
  text('requests', 'N', 'fewer requests than this on a node are not compared (50)'),
  text('note', 'TEXT', 'what it is for, for whoever reads the list'),
  {
    name: 'wait',
    kind: 'flag',
    summary: 'say what happens until it ends; exit 1 where it was taken back',
  },
];

export function rolloutTerms(given: ParsedArguments): object {
  const soakMs = duration(given, 'soak', soakMsMax / 1_000);
  const stages = given.text('stages');
  const baselineMs = duration(given, 'baseline', 3_600);
  const applyMs = duration(given, 'apply', 3_600);
  const note = given.text('note');
  return {
    stages: stagesOf(stages, soakMs),
    guards: {
      ...share(given, 'errors', 'errorShareMax'),
      ...share(given, 'blocks', 'blockShareMax'),
      ...number(given, 'latency', 'p99FactorMax', 1, 1_000),
      ...whole(given, 'failures', 'moduleFailuresMax', 0),
      ...whole(given, 'requests', 'requestsMin', 1),
    },
    ...(baselineMs === null ? {} : { baselineMs }),
    ...(applyMs === null ? {} : { applyMs }),
    only: [...given.texts('only')],
    hold: [...given.texts('hold')],
    ...(note === null ? {} : { note }),
  };
}

/** `1:10m,25%,all:5m`. */
export function stagesOf(given: string | null, soakMs: number | null): Stage[] {
  if (given === null)
    return stageDefaults.map((stage) => ({ ...stage, soakMs: soakMs ?? stage.soakMs }));
  const parts = given.split(',');
  if (parts.length > stagesMax) throw usageError(`--stages has more than ${stagesMax} stages`);
  return parts.map((part) => {
    const match = /^(?:(\d{1,4})(%?)|(all))(?::(.+))?$/.exec(part);
    if (match === null)
      throw usageError(
        `"${part}" is no stage`,
        'write 1, 25% or all, with a time behind it: 25%:1h',
      );
    const [, digits, percent, all, time] = match;
    const unit = all !== undefined || percent === '%' ? 'percent' : 'nodes';
    const amount = all === undefined ? Number(digits) : 100;
    const most = unit === 'percent' ? 100 : 1_000;
    if (amount < 1 || amount > most)
      throw usageError(
        `"${part}" is no stage: 1 to ${most}${unit === 'percent' ? ' percent' : ''}`,
      );
    const own = time === undefined ? soakMs : seconds(time, soakMsMax / 1_000);
    return { amount, unit, soakMs: own ?? stageDefaults[0]?.soakMs ?? 0 };
  });
}

function duration(given: ParsedArguments, name: string, secondsMax: number): number | null {
  const value = given.text(name);
  return value === null ? null : seconds(value, secondsMax);
}

function seconds(value: string, secondsMax: number): number {
  // Nothing to wait for is a time as well.
  if (value === '0s') return 0;
  const parsed = parseDuration(value, secondsMax);
  if (!parsed.ok) throw usageError(parsed.problem);
  return parsed.seconds * 1_000;
}

function share(given: ParsedArguments, name: string, key: string): object {
  const value = given.text(name);
  if (value === null) return {};
  return { [key]: numberOf(name, value.replace(/%$/, ''), 0, 100) / 100 };
}

function number(given: ParsedArguments, name: string, key: string, least: number, most: number) {
  const value = given.text(name);
  return value === null ? {} : { [key]: numberOf(name, value, least, most) };
}

function whole(given: ParsedArguments, name: string, key: string, least: number): object {
  const value = given.text(name);
  if (value === null) return {};
  if (!/^\d{1,6}$/.test(value)) throw usageError(`--${name} ${value} is no whole number`);
  return { [key]: numberOf(name, value, least, 999_999) };
}

function numberOf(name: string, value: string, least: number, most: number): number {
  const found = /^\d{1,6}(?:\.\d{1,4})?$/.test(value) ? Number(value) : Number.NaN;
  if (!(found >= least && found <= most))
    throw usageError(`--${name} ${value} is no number from ${least} to ${most}`);
  return found;
}
