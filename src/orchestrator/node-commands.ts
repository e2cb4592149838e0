/**
 * Commands to nodes: signed, with a sequence number that is on disk before the command is sent, so that none is
 * ever used twice, and answered by the node itself.
 */
import type { KeyObject } from 'node:crypto';
import { WeirError } from '#core/errors.ts';
import type { Bus } from '#fleet/bus.ts';
import { type Command, encodeCommand } from '#fleet/command.ts';
import { parseMessage } from '#fleet/messages.ts';
import { commandSubject } from '#fleet/subjects.ts';
import { integer } from '#state/database-file.ts';
import type { StateDatabase } from '#state/state-database.ts';

const answerTimeoutMs = 5_000;
/** A node that hears of it later does not obey. */
const commandLifeMs = 30_000;

export type CommandKind = 'drain' | 'terminate' | 'reload';

export type CommandsOptions = {
  readonly state: StateDatabase;
  readonly bus: Bus;
  readonly fleet: string;
  readonly issuer: string;
  readonly signingKey: KeyObject;
  readonly wallMs: () => number;
};

export class NodeCommands {
  readonly #options: CommandsOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Resolves when the node has taken it. Throws NODE_UNREACHABLE and NODE_REFUSED. */
  async send(
    node: string,
    kind: CommandKind,
    graceMs: number | null,
    origin: string,
  ): Promise<number> {
    const { bus, fleet, issuer, signingKey, wallMs } = this.#options;
    const sequence = this.#nextSequence();
    const issuedAtMs = wallMs();
    const expiresAtMs = issuedAtMs + commandLifeMs;
    const command: Command = {
      ...{ v: 1, fleet, issuer, node, sequence, issuedAtMs, expiresAtMs },
      ...{ kind: kind as Command['kind'], graceMs, origin: origin.slice(0, 200) },
    };
    let bytes: Uint8Array;
    try {
      const subject = commandSubject(fleet, node);
      ({ bytes } = await bus.request(subject, encodeCommand(command, signingKey), answerTimeoutMs));
    } catch (error) {
      throw new WeirError('NODE_UNREACHABLE', `${node} did not answer to "${kind}"`, {
        cause: error,
        details: ['it may have heard it all the same; weir node show says how it is'],
      });
    }
    const answer = parseMessage('commandAnswer', bytes, node);
    if (!answer.ok || answer.message.sequence !== sequence)
      throw new WeirError('NODE_REFUSED', `${node} answered in a way that is not one`);
    if (!answer.message.taken)
      throw new WeirError('NODE_REFUSED', `${node} does not obey: ${answer.message.reason}`);
    return sequence;
  }

  /** Above every one before it, also where the file is older than the last command. */
  #nextSequence(): number {
    const { state, wallMs } = this.#options;
    return state.attempt(() => {
      const row = state.database
        .prepare('UPDATE command SET sequence = max(sequence + 1, ?) RETURNING sequence')
        .get(wallMs());
      return integer(row?.['sequence']);
    });
  }
}
