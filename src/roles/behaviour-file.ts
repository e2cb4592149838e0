/**
 * `behaviour.json` in the state directory: what routes usually get, and who was blocked lately. Written now and then,
 * so a crash loses some minutes of it; a file that cannot be read is said and begun anew.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Type from 'typebox';
import { Value } from 'typebox/value';
import type { BehaviourState } from '#behaviour/behaviour.ts';
import { writePrivateFile } from '#state/private-file.ts';

const behaviourFile = 'behaviour.json';

const time = Type.Number({ minimum: 0 });
const kept = Type.Object({
  routes: Type.Record(
    Type.String(),
    Type.Object({
      slotMs: time,
      counts: Type.Array(time, { maxItems: 60 }),
      untilMs: time,
    }),
  ),
  offences: Type.Array(Type.Tuple([Type.String(), time, time]), { maxItems: 10_000 }),
});

/** Null where there is none yet. Throws where it holds something else. */
export async function readBehaviour(statePath: string): Promise<BehaviourState | null> {
  let text: string;
  try {
    text = await readFile(join(statePath, behaviourFile), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!Value.Check(kept, value)) throw new Error(`${behaviourFile} holds something else`);
  return value as BehaviourState;
}

export const writeBehaviour = (statePath: string, state: BehaviourState): Promise<void> =>
  writePrivateFile(join(statePath, behaviourFile), `${JSON.stringify(state)}\n`);
