/** Recordings, replays and shadows that are only noted, for tests of the management API and the command line. */
import type {
  GatedModule,
  RecordingStatus,
  ReplayAnswer,
  ReplayControl,
  ShadowAnswer,
  Tried,
} from '#admin/replay-control.ts';
import { WeirError } from '#core/errors.ts';
import { DifferenceSum } from '#replay/difference.ts';

export const exampleRecording: RecordingStatus = {
  ...{ id: '20260102-030405-7f3a', state: 'whole', startedAt: '2026-01-02T03:04:05.000Z' },
  ...{ endedAt: '2026-01-02T03:14:05.000Z', bytes: 1_000, requests: 12, dropped: 0 },
  ...{ sharePercent: 100, routes: [], answerBytes: 0, why: 'asked for', bounds: null },
};

export class FakeReplay implements ReplayControl {
  readonly #call: (name: string) => void;
  difference = new DifferenceSum(1).sum();
  /** A gate refuses what would block more than that. */
  newBlocks = 0;

  constructor(call: (name: string) => void) {
    this.#call = call;
  }

  async startRecording(terms: object): Promise<RecordingStatus> {
    this.#call(`record ${JSON.stringify(terms)}`);
    return exampleRecording;
  }

  async stopRecording(): Promise<RecordingStatus> {
    this.#call('record stop');
    return exampleRecording;
  }

  async recordings(): Promise<readonly RecordingStatus[]> {
    return [exampleRecording];
  }

  async removeRecording(name: string): Promise<{ readonly id: string }> {
    this.#call(`record remove ${name}`);
    return { id: name };
  }

  async startReplay({ recording }: { readonly recording: string }): Promise<ReplayAnswer> {
    this.#call(`replay ${recording}`);
    return {
      ...{ id: '0123456789ab', recording, state: 'done', requests: 0, sharePercent: 100 },
      ...{ difference: this.difference, problem: null, details: [] },
    };
  }

  replayState(id: string): ReplayAnswer {
    throw new WeirError('REPLAY_INVALID', `no replay ${id}`);
  }

  async gateModule(
    name: string,
    _module: GatedModule,
    terms: { readonly newBlocksMax: number },
  ): Promise<Tried> {
    return this.#gate(`gate ${name}`, terms);
  }

  async gateReload(terms: { readonly newBlocksMax: number }): Promise<Tried> {
    return this.#gate('gate reload', terms);
  }

  async startShadow(rule: { readonly name: string }, sharePercent: number): Promise<ShadowAnswer> {
    this.#call(`shadow ${rule.name} ${sharePercent}`);
    return this.#shadow(rule.name);
  }

  stopShadow(name: string): ShadowAnswer {
    this.#call(`shadow stop ${name}`);
    return this.#shadow(name);
  }

  shadows(): readonly ShadowAnswer[] {
    return [this.#shadow('core')];
  }

  #gate(call: string, { newBlocksMax }: { readonly newBlocksMax: number }): Tried {
    this.#call(`${call} ${newBlocksMax}`);
    if (this.newBlocks > newBlocksMax)
      throw new WeirError('REPLAY_REFUSED', `it blocks ${this.newBlocks} that pass now`);
    return { generation: 3, configSha256: null, modules: new Map() };
  }

  #shadow(name: string): ShadowAnswer {
    return {
      ...{ name, sha256: 'ab'.repeat(32), origin: 'operator', sharePercent: 100 },
      ...{ startedAt: '2026-01-02T03:04:05.000Z', generation: 3, off: null },
      difference: this.difference,
    };
  }
}
