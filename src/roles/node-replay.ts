/**
 * Record, replay and shadow on this node: the half of `worker-replay.ts` in the supervisor's process. It keeps what
 * workers have masked, and runs rules in threads of its own; no client's byte that is not masked comes here.
 */
import type { PartStatus } from '#admin/part-status.ts';
import type {
  GatedModule,
  RecordingStatus,
  ReplayControl,
  ShadowAnswer,
  Tried,
} from '#admin/replay-control.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { routeName } from '#proxy/snapshot.ts';
import type { RecordingEntry } from '#replay/recording-store.ts';
import type { CandidateHost, CandidateRule } from './candidate-side.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import { NodeRecorder, type RecordTerms } from './node-recorder.ts';
import { type GateTerms, NodeReplays, type ReplayState, type ReplayTerms } from './node-replays.ts';
import { NodeShadows } from './node-shadows.ts';
import type { FromPart } from './part-messages.ts';

export class NodeReplay implements NodePart, ReplayControl {
  readonly name = 'replay';
  readonly #host: NodePartHost;
  readonly #recorder: NodeRecorder;
  readonly #replays: NodeReplays;
  readonly #shadows: NodeShadows;
  #config: Config | null = null;

  constructor(host: NodePartHost) {
    const node = () => {
      const found = host.node();
      assert(found !== null, 'nobody asks before the node is put together');
      return found;
    };
    const candidates: CandidateHost = {
      supervisor: host.supervisor,
      live: () => node().modules.live,
      configFile: async () => (await node().status()).config.file,
    };
    this.#host = host;
    this.#recorder = new NodeRecorder({
      ...host,
      live: () => {
        const { config, generation } = host.supervisor().snapshot;
        const { bodyWindowBytes } = config.waf;
        const routes = config.routes.map(({ match }) => routeName(match));
        return { generation, bodyWindowBytes, routes };
      },
    });
    this.#replays = new NodeReplays(this.#recorder.store, candidates);
    this.#shadows = new NodeShadows(host, candidates);
  }

  start(config: Config): void {
    this.#config = config;
    this.#shadows.open();
  }

  /** Those that the configuration names may have to be compiled, and nothing waits for that. */
  ready(): void {
    if (this.#config !== null) void this.#shadows.follow(this.#config);
  }

  follow(config: Config): Promise<void> {
    return this.#shadows.follow(config);
  }

  take(message: FromPart, slot: number): void {
    if (message.part !== 'replay') return;
    switch (message.kind) {
      case 'recorded':
        this.#recorder.take(message.payloads, message.dropped);
        return;
      case 'recording':
        this.#recorder.started(slot, message.recording);
        return;
      case 'stopped':
        this.#recorder.stopped(slot, message.recording);
        return;
      case 'shadow':
        this.#shadows.take(slot, message.report);
        return;
      case 'failed':
        this.#host.setDegraded('sampled requests', `worker ${slot}: ${message.reason}`);
        this.#shadows.leave(slot);
        this.#shadows.join(slot);
    }
  }

  join(slot: number): void {
    this.#recorder.join(slot);
    this.#shadows.join(slot);
  }

  leave(slot: number): void {
    this.#recorder.leave(slot);
    this.#shadows.leave(slot);
  }

  async close(): Promise<void> {
    this.#shadows.close();
    await this.#recorder.close();
  }

  status(): PartStatus['replay'] {
    const recording = this.#recorder.running;
    return {
      recording:
        recording === null
          ? null
          : { id: recording.id, requests: recording.requests, dropped: recording.dropped },
      shadows: this.#shadows.list().map(({ name, off, difference }) => ({
        ...{ name, off, requests: difference.requests },
        ...{ newlyBlocked: difference.newlyBlocked, newlyPassed: difference.newlyPassed },
      })),
    };
  }

  // ── recordings ────────────────────────────────────────────────────────────────────────────────────

  async startRecording(terms: RecordTerms): Promise<RecordingStatus> {
    const id = await this.#recorder.start(terms);
    return this.#recording(id);
  }

  async stopRecording(): Promise<RecordingStatus> {
    return this.#recording(await this.#recorder.stop());
  }

  async recordings(): Promise<readonly RecordingStatus[]> {
    return (await this.#recorder.store.list()).map((entry) => this.#statusOf(entry));
  }

  async removeRecording(name: string): Promise<{ readonly id: string }> {
    return { id: await this.#recorder.remove(name) };
  }

  async #recording(id: string): Promise<RecordingStatus> {
    const found = (await this.recordings()).find((one) => one.id === id);
    assert(found !== undefined, 'a recording that was begun has a file');
    return found;
  }

  #statusOf({ id, bytes, begin, end }: RecordingEntry): RecordingStatus {
    const running = this.#recorder.running;
    const isRunning = running?.id === id;
    const { sharePercent, routes } = begin;
    return {
      ...{ id, bytes, sharePercent, routes, answerBytes: begin.answerBytesMax ?? 0 },
      state: isRunning ? 'running' : end === null ? 'cut' : 'whole',
      startedAt: new Date(begin.startedAtMs).toISOString(),
      endedAt: end === null ? null : new Date(end.endedAtMs).toISOString(),
      requests: isRunning ? running.requests : (end?.requests ?? null),
      dropped: isRunning ? running.dropped : (end?.dropped ?? null),
      why: end?.why ?? null,
      bounds: isRunning ? { ...boundsOf(running.terms) } : null,
    };
  }

  // ── replays ───────────────────────────────────────────────────────────────────────────────────────

  startReplay(terms: ReplayTerms): Promise<ReplayState> {
    return this.#replays.start(terms);
  }

  replayState(id: string): ReplayState {
    return this.#replays.state(id);
  }

  gateModule(name: string, { bytes, sourceMap }: GatedModule, terms: GateTerms): Promise<Tried> {
    const rules = [{ name, module: bytes, sourceMap, seclang: null }];
    return this.#replays.gate(terms, { kind: 'rules', rules });
  }

  gateReload(terms: GateTerms): Promise<Tried> {
    return this.#replays.gate(terms, { kind: 'config', file: null });
  }

  // ── shadows ───────────────────────────────────────────────────────────────────────────────────────

  startShadow(rule: CandidateRule, sharePercent: number): Promise<ShadowAnswer> {
    return this.#shadows.start(rule, sharePercent);
  }

  stopShadow(name: string): ShadowAnswer {
    return this.#shadows.stop(name);
  }

  shadows(): readonly ShadowAnswer[] {
    return this.#shadows.list();
  }
}

const boundsOf = ({ minutes, requestsMax, bytesMax }: RecordTerms) => ({
  ...{ minutes, requestsMax, bytesMax },
});
