/**
 * Replays on this node, one at a time: asked for and looked at while they run, or awaited as the gate of a change.
 */
import { randomBytes } from 'node:crypto';
import type { Tried } from '#admin/replay-control.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { Difference } from '#replay/difference.ts';
import type { RecordingStore } from '#replay/recording-store.ts';
import { type Replayed, replayRecording } from '#replay/replay-apart.ts';
import { type Candidate, type CandidateHost, candidateSide, liveSide } from './candidate-side.ts';

export type ReplayTerms = {
  /** `last` is the newest. */
  readonly recording: string;
  readonly candidate: Candidate;
  /** Of each kind of change. */
  readonly examplesMax: number;
  readonly requestsMax: number;
};

export type GateTerms = { readonly recording: string; readonly newBlocksMax: number };

export type ReplayState = {
  readonly id: string;
  readonly recording: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly requests: number;
  /** Of the recording. */
  readonly sharePercent: number;
  readonly difference: Difference | null;
  /** What kept a part of the recording from being read; why it failed. */
  readonly problem: string | null;
  readonly details: string[];
};

const gateExamplesMax = 10;
const gateRequestsMax = 1_000_000;

export class NodeReplays {
  readonly #store: RecordingStore;
  readonly #host: CandidateHost;
  #isBusy = false;
  #last: ReplayState | null = null;

  constructor(store: RecordingStore, host: CandidateHost) {
    this.#store = store;
    this.#host = host;
  }

  /** Answers when it has begun; `state` says how far it is. Throws REPLAY_BUSY, RECORDING_UNKNOWN. */
  async start(terms: ReplayTerms): Promise<ReplayState> {
    this.#claim();
    try {
      const { id: recording } = await this.#store.find(terms.recording);
      const begun: ReplayState = {
        ...{ id: randomBytes(6).toString('hex'), recording, state: 'running' },
        ...{ requests: 0, sharePercent: 0, difference: null, problem: null, details: [] },
      };
      this.#last = begun;
      void this.#follow(begun, { ...terms, recording });
      return begun;
    } catch (error) {
      this.#isBusy = false;
      throw error;
    }
  }

  /** Of the newest one alone. Throws REPLAY_INVALID. */
  state(id: string): ReplayState {
    if (this.#last?.id === id) return this.#last;
    throw new WeirError('REPLAY_INVALID', `no replay ${id}: the node keeps the newest alone`);
  }

  /** In this process, awaited: what an exclusion is tried on, and what a change has to pass. */
  async run(terms: ReplayTerms): Promise<Replayed & { recording: string; tried: Tried }> {
    this.#claim();
    try {
      const { id, path } = await this.#store.find(terms.recording);
      return { recording: id, ...(await this.#replay(path, terms, () => {})) };
    } finally {
      this.#isBusy = false;
    }
  }

  /** What may go live now. Throws REPLAY_REFUSED where the candidate stops more requests than it may that pass now. */
  async gate({ recording, newBlocksMax }: GateTerms, candidate: Candidate): Promise<Tried> {
    const replayed = await this.run({
      ...{ recording, candidate },
      ...{ examplesMax: gateExamplesMax, requestsMax: gateRequestsMax },
    });
    const { difference, problem, recording: id, tried } = replayed;
    const { newlyBlocked, requests, examples } = difference;
    if (requests === 0)
      throw new WeirError(
        'REPLAY_REFUSED',
        `recording ${id} holds no request to judge by${problem === null ? '' : ` (it ${problem})`}; nothing was changed`,
      );
    if (newlyBlocked <= newBlocksMax) return tried;
    const blocked = examples.filter(({ change }) => change === 'newly-blocked');
    throw new WeirError(
      'REPLAY_REFUSED',
      `of ${requests} recorded requests it blocks ${newlyBlocked} that pass now, and ${newBlocksMax} are allowed; nothing was changed`,
      {
        details: blocked.map(
          ({ request, candidate: { rule, reason } }) =>
            `${request.method} ${request.target}  ${rule}: ${reason}`,
        ),
      },
    );
  }

  #claim(): void {
    if (this.#isBusy)
      throw new WeirError('REPLAY_BUSY', 'a replay is under way already; say it again in a moment');
    this.#isBusy = true;
  }

  async #follow(begun: ReplayState, terms: ReplayTerms): Promise<void> {
    try {
      const path = this.#store.pathOf(begun.recording);
      const { difference, problem } = await this.#replay(path, terms, (requests, sharePercent) => {
        this.#last = { ...begun, requests, sharePercent };
      });
      const { requests } = difference;
      this.#last = { ...begun, state: 'done', requests, sharePercent: 100, difference, problem };
    } catch (error) {
      const details = error instanceof WeirError ? [...error.details] : [];
      this.#last = { ...begun, state: 'failed', problem: describeError(error), details };
    } finally {
      this.#isBusy = false;
    }
  }

  async #replay(
    path: string,
    { candidate, examplesMax, requestsMax }: ReplayTerms,
    onProgress: (requests: number, sharePercent: number) => void,
  ): Promise<Replayed & { readonly tried: Tried }> {
    const { generation } = this.#host.supervisor().snapshot;
    const live = liveSide(this.#host);
    const { configSha256, ...after } = await candidateSide(candidate, this.#host);
    const modules = new Map(after.modules.map(({ name, sha256 }) => [name, sha256]));
    const options = { examplesMax, requestsMax, onProgress };
    const replayed = await replayRecording(path, live, after, options);
    return { ...replayed, tried: { generation, configSha256, modules } };
  }
}
