/**
 * Another build of the packet program, made to take the place of one that runs: it is loaded onto the maps of that
 * one, and only what it has and the other had not is made anew. Needs the rights that loading needs; the links, and
 * with them the moment it counts from, are the node's.
 */
import { WeirError } from '#core/errors.ts';
import { closeDescriptor } from './bpf-call.ts';
import { createMap } from './bpf-map.ts';
import { linkInstructions, parseBpfObject } from './bpf-object.ts';
import { loadProgram } from './bpf-program.ts';
import { keepObject } from './object-copy.ts';
import { mapsInCommon } from './object-shape.ts';
import type { ShieldDescriptors } from './shield-object.ts';

export type SwapProgram = {
  /** Maps of the program that runs. */
  readonly kept: readonly string[];
  /** What was made: `program`, `object`, and maps that the other has not. */
  readonly made: ShieldDescriptors;
};

/** Throws SHAPES_DIFFER, and what `loadProgram` throws; nothing that was made then stays. */
export function loadSwapProgram(
  running: ShieldDescriptors,
  runningObject: Uint8Array,
  wantedObject: Uint8Array,
): SwapProgram {
  const wanted = parseBpfObject(wantedObject);
  const { kept, fresh, differences } = mapsInCommon(parseBpfObject(runningObject), wanted);
  if (differences.length > 0)
    throw new WeirError(
      'SHAPES_DIFFER',
      'what is in the maps was written for the program that runs, and this one would read something else in it; stop the node and start it, which makes the maps anew and fills them from its state',
      { details: differences },
    );
  const made = new Map<string, number>();
  try {
    for (const definition of wanted.maps)
      if (fresh.includes(definition.name)) made.set(definition.name, createMap(definition));
    const maps = new Map([...Object.entries(running), ...made]);
    made.set('program', loadProgram('weir_shield', linkInstructions(wanted, maps), wanted.license));
    made.set('object', keepObject(wantedObject));
    return { kept, made: Object.fromEntries(made) };
  } catch (error) {
    for (const fd of made.values()) closeDescriptor(fd);
    throw error;
  }
}
