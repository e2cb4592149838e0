/**
 * The packet program on disk in the place of the one a node runs, loaded here with the rights of whoever says so:
 * the node has none. `#synproxy/swap-message.ts` has the conversation.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { statusAnswer } from '#admin/schema.ts';
import type { CommandContext } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { discoverDaemon } from '#cli/discover.ts';
import { printable } from '#cli/printer.ts';
import { counted, shortHash } from '#cli/words.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { closeAll, DescriptorConnection } from '#synproxy/descriptor-socket.ts';
import { readObject } from '#synproxy/object-copy.ts';
import { loadSwapProgram } from '#synproxy/program-swap.ts';
import { readShieldObject } from '#synproxy/shield-object.ts';
import {
  expectMessage,
  liveMs,
  messageMs,
  namedDescriptors,
  shieldSocket,
} from '#synproxy/swap-message.ts';

export type ProgramState =
  /** The one on disk ran already. */
  | { readonly state: 'same'; readonly sha256: string }
  | {
      readonly state: 'swapped';
      readonly sha256: string;
      readonly before: string;
      readonly tookMs: number;
      /** Maps with what stands in them, and maps that were made. */
      readonly mapsKept: number;
      readonly mapsMade: readonly string[];
    }
  /** The one from before runs on, and why. */
  | {
      readonly state: 'stays';
      readonly sha256: string;
      readonly onDisk: string | null;
      readonly reason: string;
      readonly details: readonly string[];
    };

/** Null where the node runs none. */
export async function swapProgram(context: CommandContext): Promise<ProgramState | null> {
  const { shield } = await callDaemon(context, {
    method: 'GET',
    path: '/api/v1/status',
    answer: statusAnswer,
  });
  const running = shield.object;
  if (running === null) return null;
  const stays = (error: unknown, onDisk: string | null): ProgramState => ({
    state: 'stays',
    sha256: running,
    onDisk,
    reason: describeError(error),
    details: error instanceof WeirError ? error.details : [],
  });
  let object: Buffer;
  try {
    object = readShieldObject();
  } catch (error) {
    return stays(error, null);
  }
  const sha256 = createHash('sha256').update(object).digest('hex');
  if (sha256 === running) return { state: 'same', sha256 };
  const { stateDirectory } = await discoverDaemon(context.io, context.given.text('state'));
  try {
    return await converse(join(stateDirectory, shieldSocket), object, sha256);
  } catch (error) {
    return stays(error, sha256);
  }
}

async function converse(path: string, object: Buffer, sha256: string): Promise<ProgramState> {
  const connection = DescriptorConnection.connect(path);
  const got: number[] = [];
  try {
    connection.send({ kind: 'offer', sha256 });
    const first = await connection.receive(messageMs);
    got.push(...(first?.descriptors ?? []));
    const { names } = expectMessage('running', first);
    const running = namedDescriptors(names, { body: null, descriptors: got });
    const { object: runningObject, ...maps } = running;
    if (runningObject === undefined)
      throw new WeirError('SWAP_REFUSED', 'the node does not say what it runs');
    const { kept, made } = loadSwapProgram(maps, readObject(runningObject), object);
    got.push(...Object.values(made));
    connection.send({ kind: 'loaded', sha256, kept, made: Object.keys(made) }, Object.values(made));
    const { before, tookMs } = expectMessage('live', await connection.receive(liveMs));
    const mapsMade = Object.keys(made).filter((name) => name !== 'program' && name !== 'object');
    return { state: 'swapped', sha256, before, tookMs, mapsKept: kept.length, mapsMade };
  } finally {
    closeAll(got);
    connection.close();
  }
}

/** Lines for people. */
export function programLines(program: ProgramState | null): readonly string[] {
  switch (program?.state) {
    case 'swapped': {
      const made = program.mapsMade.length === 0 ? '' : `, ${program.mapsMade.join(', ')} made`;
      return [
        `packet program ${shortHash(program.sha256)} runs in the place of ${shortHash(program.before)} after ${program.tookMs / 1_000} s (${counted(program.mapsKept, 'map')} kept${made})`,
      ];
    }
    case 'stays': {
      const { onDisk, reason, details } = program;
      const which = onDisk === null ? '' : `, and ${shortHash(onDisk)} is on disk`;
      return [
        `packet program ${shortHash(program.sha256)} stays${which}: ${printable(reason)}`,
        ...details.map((detail) => `  ${printable(detail)}`),
      ];
    }
    default:
      return [];
  }
}
