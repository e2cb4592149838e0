/** What the rules that are live on this node make of a request that nobody sends: `weir inspect`. */
import type { InspectAnswer, InspectControl } from '#admin/inspect-control.ts';
import { WeirError } from '#core/errors.ts';
import { parseIp } from '#core/ip.ts';
import { inspectApart } from '#replay/inspect-apart.ts';
import type { SideExplanation } from '#replay/rule-side.ts';
import type { Supervisor } from './supervisor.ts';

export class NodeInspection implements InspectControl {
  readonly #supervisor: () => Supervisor;
  #isBusy = false;

  constructor(supervisor: () => Supervisor) {
    this.#supervisor = supervisor;
  }

  /** One at a time. Throws REPLAY_BUSY, REPLAY_INVALID. */
  async inspect(request: Buffer, client: string, tls: boolean): Promise<InspectAnswer> {
    const headEnd = request.indexOf('\r\n\r\n');
    if (headEnd < 0)
      throw new WeirError('REPLAY_INVALID', 'the request has no end of its head: CR LF CR LF');
    if (parseIp(client) === null)
      throw new WeirError('REPLAY_INVALID', `${client} is no address of a client`);
    if (this.#isBusy)
      throw new WeirError(
        'REPLAY_BUSY',
        'a request is looked at already; say it again in a moment',
      );
    this.#isBusy = true;
    try {
      const { config, modules, generation } = this.#supervisor().snapshot;
      const head = Uint8Array.from(request.subarray(0, headEnd + 4));
      const body = Uint8Array.from(request.subarray(headEnd + 4));
      const { explanation, refusal, failures } = await inspectApart(
        { config, modules },
        { head, body, client, tls },
      );
      const common = { generation, failures: [...failures] };
      if (explanation !== null) return { ...answerOf(explanation), ...common };
      return { ...nothing, ...common, verdict: 'refused', ...refusal };
    } finally {
      this.#isBusy = false;
    }
  }
}

const nothing = {
  ...{ route: null, verdict: 'passed', kind: null, status: null, rule: '', reason: '' },
  ...{ target: '', matched: '', score: 0, blockAtScore: null, matches: [], matchesUnlisted: 0 },
  ...{ microseconds: 0, fuel: 0 },
} as const satisfies Partial<InspectAnswer>;

function answerOf({
  route,
  blockAtScore,
  run,
  matches,
  matchesUnlisted,
}: SideExplanation): Omit<InspectAnswer, 'generation' | 'failures'> {
  const { answer: _, rules: __, ...decided } = run;
  return {
    ...decided,
    ...{ route, matchesUnlisted, status: null },
    blockAtScore: Number.isFinite(blockAtScore) ? blockAtScore : null,
    matches: matches.map(({ points = null, tags, ...match }) => ({
      ...match,
      points,
      tags: [...tags],
    })),
  };
}
