/**
 * The cases a module came with, as a condition of its load: one fault for each that does not hold.
 *
 * A module under `waf.rules` is told what the node's configuration says; its cases say what they tell it
 * themselves, so they hold or fail alike on every node.
 */
import { formatProblem } from '#config/problem.ts';
import type { GuestLimits } from '#wasm/abi.ts';
import type { FilterAbi } from '#wasm/filter.ts';
import { traceOffsets } from '#wasm/guest-failure.ts';
import type { CompileSource } from '#wasm/live-module.ts';
import type { ModuleFault } from '#wasm/validate.ts';
import { readCases } from './read-cases.ts';
import { type CaseResult, runCases } from './run-cases.ts';

/** More do not help anybody. */
const faultsMax = 10;

/** Empty when all of them hold. */
export function findCaseFaults(
  source: CompileSource,
  abi: FilterAbi,
  limits: GuestLimits,
  text: string,
): readonly ModuleFault[] {
  if (abi !== 'weir-1')
    return [
      said(`comes with cases, which are run for modules of weir-1 alone, and this is ${abi}`),
    ];
  const read = readCases(text);
  if (!read.ok)
    return read.problems
      .slice(0, faultsMax)
      .map((problem) => said(`its cases cannot be read: ${formatProblem(problem, 'line')}`));
  const failed = runCases(source, read.cases, limits).filter(
    ({ differences }) => differences.length > 0,
  );
  const shown = failed.slice(0, faultsMax).map(faultOf);
  const more = failed.length - shown.length;
  return more === 0
    ? shown
    : [...shown, said(`and ${more} more of its ${read.cases.length} cases`)];
}

const said = (text: string): ModuleFault => ({ text, offsets: [] });

function faultOf({ name, differences, failure }: CaseResult): ModuleFault {
  const [first] = differences;
  const what =
    first === undefined ? '' : `: ${first.what} is ${first.actual}, not ${first.expected}`;
  return {
    text: `does not do what its case "${name}" says${what}`,
    // One that the case asks for is not what is wrong.
    offsets: failure !== null && what.includes(failure.describe()) ? traceOffsets(failure) : [],
  };
}
