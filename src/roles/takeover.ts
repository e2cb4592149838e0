/**
 * An upgrade: a new process takes the place of a running one, and no connection is refused or cut.
 *
 * ```
 * old                                        successor
 *   spawn with the listening sockets ─────────►
 *   takeover {sockets, tickets, blocks …} ────►  load, check, start workers: both accept now
 *   ◄──────────────────────────────────── ready
 *   close state ── released ──────────────────►  open state, management API, run file
 *   ◄───────────────────────────────────── live
 *   drain: told connections close, then end
 * ```
 *
 * Until `live` the old process serves on, and whatever fails leaves it as it was. Messages travel over the
 * channel of a forked process, with `serialization: 'advanced'`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { WeirError } from '#core/errors.ts';
import type { BlockItem } from './ipc.ts';
import { type KernelHandover, renumbered } from './kernel-ladder.ts';
import type { BoundListener } from './listening-sockets.ts';
import type { SharedState } from './shared-hub.ts';
import type { ConfigOrigin } from './snapshot-source.ts';
import { inheritedFrom } from './worker-process.ts';

export type Handover = {
  readonly origin: ConfigOrigin;
  /** The process that hands over. */
  readonly pid: number;
  /** Descriptors as the old process numbers them; the successor gets its own numbers. */
  readonly listeners: readonly BoundListener[];
  readonly admin: readonly BoundListener[];
  readonly ticketKeys: Uint8Array;
  readonly blocks: { readonly version: number; readonly items: readonly BlockItem[] };
  /** The kernel's program and maps. A program from before that has none. */
  readonly kernel?: KernelHandover;
  /** Ids of the rules in those maps, in order. A program from before that has none. */
  readonly rulesLeft?: readonly number[];
  /** What modules share over the node. A program from before that has none. */
  readonly shared?: SharedState;
};

/** A handover as the successor works with it. */
export type Takeover = Handover & {
  /** Says that this process is ready, and resolves when the old one has closed the state directory. */
  release(): Promise<void>;
};

export type ToSuccessor =
  | { readonly kind: 'takeover'; readonly handover: Handover }
  | { readonly kind: 'released' };

export type FromSuccessor =
  | { readonly kind: 'ready' }
  | { readonly kind: 'live'; readonly live: LiveSuccessor }
  | { readonly kind: 'failed'; readonly reason: string; readonly details: readonly string[] };

export type LiveSuccessor = {
  readonly pid: number;
  readonly version: string;
  readonly sha256: string;
  readonly workers: number;
};

/** Loading, checking and starting workers; a successor that takes longer is given up. */
const readyMs = 60_000;

export class Successor {
  readonly #child: ChildProcess;
  readonly #waiting: ((message: FromSuccessor) => void)[] = [];
  readonly #arrived: FromSuccessor[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    const arrive = (message: FromSuccessor) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#arrived.push(message);
      else next(message);
    };
    child.on('message', (message) => arrive(message as FromSuccessor));
    child.on('error', (error) => arrive({ kind: 'failed', reason: error.message, details: [] }));
    child.on('exit', (code, signal) =>
      arrive({ kind: 'failed', reason: `it ended (${signal ?? `code ${code}`})`, details: [] }),
    );
  }

  /** Starts the program that stands on disk now, and waits until its workers accept. */
  static async start(entry: string, handover: Handover): Promise<Successor> {
    const descriptors: number[] = [];
    const pass = (descriptor: number) => inheritedFrom + descriptors.push(descriptor) - 1;
    const renumber = (listener: BoundListener): BoundListener => ({
      ...listener,
      descriptors: listener.descriptors.map(pass),
    });
    const message: ToSuccessor = {
      kind: 'takeover',
      handover: {
        ...handover,
        listeners: handover.listeners.map(renumber),
        admin: handover.admin.map(renumber),
        ...(handover.kernel === undefined ? {} : { kernel: renumbered(handover.kernel, pass) }),
      },
    };
    const child = spawn(process.execPath, [...process.execArgv, entry, 'successor'], {
      serialization: 'advanced',
      // Its own process group: what ends the old one's terminal job does not end it.
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors],
    });
    const successor = new Successor(child);
    child.send(message, () => {});
    try {
      await successor.#expect('ready');
      return successor;
    } catch (error) {
      successor.kill();
      throw error;
    }
  }

  /** The state directory is free: it opens it, answers to the management API and is the node from then on. */
  async goLive(): Promise<LiveSuccessor> {
    this.#child.send({ kind: 'released' } satisfies ToSuccessor, () => {});
    try {
      const { live } = await this.#expect('live');
      this.#child.removeAllListeners();
      this.#child.disconnect();
      this.#child.unref();
      return live;
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  kill(): void {
    this.#child.removeAllListeners();
    this.#child.on('error', () => {});
    this.#child.kill('SIGKILL');
  }

  async #expect<K extends 'ready' | 'live'>(
    kind: K,
  ): Promise<Extract<FromSuccessor, { readonly kind: K }>> {
    const { promise, resolve, reject } = Promise.withResolvers<FromSuccessor>();
    const early = this.#arrived.shift();
    if (early === undefined) this.#waiting.push(resolve);
    else resolve(early);
    const timer = setTimeout(
      () => reject(failure(`it was not ${kind} after ${readyMs / 1_000} s`, [])),
      readyMs,
    );
    try {
      const message = await promise;
      if (message.kind === kind) return message as Extract<FromSuccessor, { readonly kind: K }>;
      throw message.kind === 'failed'
        ? failure(message.reason, message.details)
        : failure(`it said ${message.kind} where ${kind} was due`, []);
    } finally {
      clearTimeout(timer);
    }
  }
}

const failure = (reason: string, details: readonly string[]): WeirError =>
  new WeirError(
    'UPGRADE_FAILED',
    `the new process could not take over, this one stays: ${reason}`,
    {
      details,
    },
  );
