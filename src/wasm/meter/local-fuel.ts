/**
 * Whether a function had better hold its fuel in a local (`fuel-code.ts` says why): a guess from its
 * shape, as a loop inside a loop runs more often. Right or wrong, it changes only the speed.
 */
import { type BodyEvents, bodyLimits, event, field, fields } from './body-events.ts';
import type { CountedLoops } from './counted-loops.ts';
import type { PrepaidFunctions } from './prepaid-functions.ts';

/** How much more often than what is around it a loop's body is taken to run. */
const loopWeight = 8;
const weightMax = loopWeight ** 6;
/** A charge on the global costs about three times what bringing it up to date costs. */
const chargeCost = 3;
const callCost = 2;

const weights = new Float64Array(bodyLimits.nestedMax + 1);

export function prefersLocalFuel(
  events: BodyEvents,
  prepaid: PrepaidFunctions,
  counted: CountedLoops,
): boolean {
  if (events.loops === 0) return false;
  const { values } = events;
  let charges = 0;
  let calls = 0;
  let depth = 0;
  weights[0] = 1;
  for (let i = 0; i < events.length; i += fields) {
    const weight = weights[depth] ?? 1;
    switch (values[i]) {
      case event.loop:
        weights[++depth] = Math.min(weight * loopWeight, weightMax);
        // One that pays as a whole pays where it begins.
        charges += counted.of(i)?.isWhole === true ? weight : (weights[depth] ?? 1);
        break;
      case event.block:
      case event.if:
        weights[++depth] = weight;
        break;
      case event.end:
        depth--;
        break;
      case event.call:
        if (!prepaid.isFree(values[i + field.first] ?? 0)) calls += weight;
        break;
      case event.callIndirect:
        calls += weight;
        break;
    }
  }
  return charges * chargeCost > calls * callCost;
}
