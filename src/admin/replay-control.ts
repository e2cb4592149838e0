/** What the management API needs of recordings, replays and shadows. */
import type { Static } from 'typebox';
import type { gateTerms, recordingStatus, replayAnswer, shadowAnswer } from './replay-schema.ts';

export type RecordingStatus = Readonly<Static<typeof recordingStatus>>;
export type ReplayAnswer = Readonly<Static<typeof replayAnswer>>;
export type ShadowAnswer = Readonly<Static<typeof shadowAnswer>>;
type GateTerms = Readonly<Static<typeof gateTerms>>;

/** Bytes of a module, or files in SecLang on the machine of the node. */
export type CandidateBytes = {
  readonly name: string;
  readonly module: Uint8Array | null;
  readonly seclang: readonly string[] | null;
};

export type ReplayRequest = {
  readonly recording: string;
  readonly candidate:
    | { readonly kind: 'rules'; readonly rules: readonly CandidateBytes[] }
    | { readonly kind: 'config'; readonly file: string | null };
  readonly examplesMax: number;
  readonly requestsMax: number;
};

/** What a gate has let through: a change with it goes live as it was tried, or is refused. */
export type Tried = {
  /** That the candidate was compared with. */
  readonly generation: number;
  /** Of the configuration; null where modules alone were tried. */
  readonly configSha256: string | null;
  /** SHA-256 by name. */
  readonly modules: ReadonlyMap<string, string>;
};

/** With the text of its source map. */
export type GatedModule = { readonly bytes: Uint8Array; readonly sourceMap: string | null };

export interface ReplayControl {
  startRecording(terms: {
    readonly minutes: number;
    readonly sharePercent: number;
    readonly routes: readonly string[];
    readonly requestsMax: number;
    readonly bytesMax: number;
    readonly answerBytes: number;
  }): Promise<RecordingStatus>;
  /** Resolves when its file is whole. */
  stopRecording(): Promise<RecordingStatus>;
  /** The newest first. */
  recordings(): Promise<readonly RecordingStatus[]>;
  removeRecording(name: string): Promise<{ readonly id: string }>;

  /** Answers when it has begun. */
  startReplay(request: ReplayRequest): Promise<ReplayAnswer>;
  replayState(id: string): ReplayAnswer;
  /** Throw REPLAY_REFUSED where a change would block more than it may. */
  gateModule(name: string, module: GatedModule, terms: GateTerms): Promise<Tried>;
  gateReload(terms: GateTerms): Promise<Tried>;

  startShadow(rule: CandidateBytes, sharePercent: number): Promise<ShadowAnswer>;
  /** What it has found by then. */
  stopShadow(name: string): ShadowAnswer;
  shadows(): readonly ShadowAnswer[];
}
