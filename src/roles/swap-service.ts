/**
 * Where the node takes another packet program: a socket in its state directory, for whoever has the rights to load
 * one. The node itself gave them up at its start and never gets them back; it hands out its maps, gets a program that
 * is loaded onto them, and puts it before its interfaces, for which a descriptor of the link is all that it needs.
 *
 * A descriptor of the maps opens the filter, so it goes only to who could make one: the process at the other end
 * has CAP_BPF and CAP_NET_ADMIN, in the user namespace of the node. A worker that was taken over has neither, and a
 * user namespace of its own would show in its uid_map.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '#core/assert.ts';
import { describeError, WeirError } from '#core/errors.ts';
import {
  closeAll,
  type DescriptorConnection,
  DescriptorListener,
} from '#synproxy/descriptor-socket.ts';
import { readObject } from '#synproxy/object-copy.ts';
import {
  expectMessage,
  messageMs,
  namedDescriptors,
  type SwapMessage,
  shieldSocket,
} from '#synproxy/swap-message.ts';
import type { Logger } from '#telemetry/log.ts';
import { type KernelHandover, sha256Of } from './kernel-ladder.ts';

const CAP_NET_ADMIN = 12n;
const CAP_BPF = 39n;
/** Those that have not said yet what they want are among them. */
const connectionsMax = 8;
const needed = (1n << CAP_NET_ADMIN) | (1n << CAP_BPF);

export type SwapServiceOptions = {
  readonly statePath: string;
  readonly log: Logger;
  readonly handover: () => KernelHandover;
  /** Resolves when it runs; on an error the one from before does. */
  readonly swap: (next: Pick<KernelHandover, 'descriptors' | 'objectSha256'>) => Promise<void>;
  readonly setDegraded: (part: string, reason: string | null) => void;
};

export class SwapService {
  readonly #options: SwapServiceOptions;
  #listener: DescriptorListener | null = null;
  #connections = 0;
  /** One at a time. */
  #isSwapping = false;

  constructor(options: SwapServiceOptions) {
    this.#options = options;
  }

  /** In the place of the process before, and again where a successor did not get there. */
  listen(): void {
    const { handover, statePath, setDegraded } = this.#options;
    this.close();
    if (handover().objectSha256 === null) return;
    try {
      this.#listener = DescriptorListener.listen(join(statePath, shieldSocket), (connection) => {
        void this.#serve(connection);
      });
    } catch (error) {
      setDegraded(
        'shield socket',
        `another packet program cannot be taken without a stop: ${describeError(error)}`,
      );
    }
  }

  close(): void {
    this.#listener?.close();
    this.#listener = null;
  }

  async #serve(connection: DescriptorConnection): Promise<void> {
    const say = (message: SwapMessage, descriptors: readonly number[] = []) =>
      connection.send(message, descriptors);
    this.#connections++;
    let isOurs = false;
    try {
      if (this.#connections > connectionsMax)
        throw new WeirError('SWAP_REFUSED', `${connectionsMax} others are connected`);
      // Heard before it is refused, so that it can be told.
      const first = await connection.receive(messageMs);
      closeAll(first?.descriptors ?? []);
      expectMessage('offer', first);
      const problem = peerProblem(connection.peerPid);
      if (problem !== null) throw new WeirError('SWAP_REFUSED', problem);
      if (this.#isSwapping) throw new WeirError('SWAP_REFUSED', 'another swap is under way');
      this.#isSwapping = true;
      isOurs = true;
      say(await this.#converse(connection, say));
    } catch (error) {
      const { log } = this.#options;
      const reason = describeError(error);
      const details = error instanceof WeirError ? error.details : [];
      log.warn({ reason, details }, 'packet program not swapped');
      try {
        say({ kind: 'refused', reason, details: [...details] });
      } catch (gone) {
        log.warn({ reason: describeError(gone) }, 'nobody is left to tell it');
      }
    } finally {
      connection.close();
      this.#connections--;
      if (isOurs) this.#isSwapping = false;
    }
  }

  async #converse(
    connection: DescriptorConnection,
    say: (message: SwapMessage, descriptors?: readonly number[]) => void,
  ): Promise<SwapMessage> {
    const { handover, log, swap } = this.#options;
    const { objectSha256, descriptors } = handover();
    if (objectSha256 === null || descriptors['object'] === undefined)
      throw new WeirError(
        'SWAP_REFUSED',
        'the program that runs was loaded by a version of Weir that did not keep its object; stop the node and start it',
      );
    const names = Object.keys(descriptors).filter((name) => name !== 'program');
    const passed = names.map((name) => descriptors[name] as number);
    say({ kind: 'running', sha256: objectSha256, names }, passed);
    const answer = await connection.receive(messageMs);
    try {
      const { sha256, kept, made } = expectMessage('loaded', answer);
      assert(answer !== null, 'a message that was expected is one');
      const fresh = namedDescriptors(made, answer);
      const object = fresh['object'];
      if (fresh['program'] === undefined || object === undefined)
        throw new WeirError('SWAP_REFUSED', 'there is no program, or not the object it is from');
      if (sha256Of(readObject(object)) !== sha256)
        throw new WeirError('SWAP_REFUSED', 'the object is not the one that was announced');
      const foreign = kept.find((name) => descriptors[name] === undefined);
      if (foreign !== undefined)
        throw new WeirError('SWAP_REFUSED', `there is no map ${foreign} to be kept`);
      const own = Object.fromEntries(kept.map((name) => [name, descriptors[name] as number]));
      const startedAt = performance.now();
      await swap({ descriptors: { ...own, ...fresh }, objectSha256: sha256 });
      const tookMs = Math.round(performance.now() - startedAt);
      log.info({ before: objectSha256, now: sha256, tookMs, made }, 'packet program swapped');
      return { kind: 'live', sha256, before: objectSha256, tookMs };
    } catch (error) {
      closeAll(answer?.descriptors ?? []);
      throw error;
    }
  }
}

/** Null where the process may have what it asks for. */
export function peerProblem(pid: number): string | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
    if ((BigInt(`0x${effective}`) & needed) !== needed)
      return `process ${pid} has no CAP_BPF and CAP_NET_ADMIN, which loading a packet program needs: run it as root`;
    const isOurs = uidMap(pid) === uidMap('self');
    return isOurs ? null : `process ${pid} has its rights in another user namespace`;
  } catch (error) {
    return `what process ${pid} may do cannot be read: ${describeError(error)}`;
  }
}

const uidMap = (pid: number | 'self'): string => readFileSync(`/proc/${pid}/uid_map`, 'latin1');
