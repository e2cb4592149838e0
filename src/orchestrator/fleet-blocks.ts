/**
 * The block list of the fleet as the orchestrator reads and changes it: one member of the replicated map like
 * any other, that enforces nothing itself. What is added is signed and on this disk before it is answered, then
 * said on the bus; nodes that make it hold say so, and the answer counts them.
 */
import { WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import { type DecisionAction, decisionLifeMaxMs } from '#decisions/decision.ts';
import type { DecisionLog, IssueResult } from '#decisions/decision-log.ts';
import type { FleetBlock } from '#decisions/enforced-decisions.ts';
import type { AckBoard } from '#fleet/ack-board.ts';
import type { Bus } from '#fleet/bus.ts';
import { decisionsSubject } from '#fleet/subjects.ts';

export type FleetBlockRequest = {
  readonly targets: readonly string[];
  readonly action: DecisionAction;
  /** Null: as long as a decision may live. */
  readonly ttlSeconds: number | null;
  readonly reason: string;
  readonly origin: string;
  /** How long to wait for nodes to say that it holds. */
  readonly waitMs: number;
};

export type FleetBlockAnswer = {
  /** Decided; each of them is on disk. */
  readonly targets: number;
  readonly entries: number;
  readonly expiresAtMs: number | null;
  readonly batches: number;
  /** Whether the bus has it; else it goes out when the bus is back. */
  readonly published: boolean;
  readonly acknowledged: {
    readonly nodes: number;
    readonly kernels: number;
    /** Nodes that should. */
    readonly of: number;
  };
};

export type FleetBlocksOptions = {
  readonly log: DecisionLog;
  readonly bus: Bus;
  readonly fleet: string;
  readonly acks: AckBoard;
  readonly wallMs: () => number;
  /** How many nodes there are that should acknowledge. */
  readonly expected: () => number;
};

export class FleetBlocks {
  readonly #options: FleetBlocksOptions;

  constructor(options: FleetBlocksOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#options.log.enforced.count;
  }

  /** Oldest here first, behind a number that a page before has said. */
  page(after: number, limit: number): { blocks: readonly FleetBlock[]; next: number | null } {
    return this.#options.log.enforced.page(after, limit);
  }

  /** All of it or nothing. Throws what `DecisionLog.issue` does. */
  async decide(request: FleetBlockRequest): Promise<FleetBlockAnswer> {
    const { log, wallMs } = this.#options;
    const nowMs = wallMs();
    const { action, reason, origin, ttlSeconds } = request;
    const lifeMs = ttlSeconds === null ? decisionLifeMaxMs : ttlSeconds * 1_000;
    const expiresAtMs = nowMs + lifeMs;
    const issued = log.issue(
      request.targets.map((text) => {
        const target = parseCidr(text);
        if (target === null)
          throw new WeirError(
            'BLOCK_TARGET_INVALID',
            `"${text}" is neither an address nor a CIDR range`,
          );
        return { target: target.text, action, expiresAtMs, reason, origin };
      }),
      nowMs,
    );
    const told = await this.#tell(issued, request.waitMs);
    return {
      targets: request.targets.length,
      entries: log.enforced.count,
      expiresAtMs: action === 'clear' ? null : expiresAtMs,
      batches: issued.batches.length,
      ...told,
    };
  }

  async #tell(
    { batches }: IssueResult,
    waitMs: number,
  ): Promise<Pick<FleetBlockAnswer, 'published' | 'acknowledged'>> {
    const { bus, fleet, log, acks, expected } = this.#options;
    const of = expected();
    const last = batches.at(-1);
    // A node takes in what an issuer says in order, so the last one stands for all.
    const waiting = last === undefined ? null : acks.wait(last.sequence, of, waitMs);
    for (const { bytes } of batches) bus.publish(decisionsSubject(fleet, log.self), bytes);
    const published = await bus.flush();
    const { members, kernels } = (await waiting) ?? { members: 0, kernels: 0 };
    return { published, acknowledged: { nodes: members, kernels, of } };
  }
}
