/** What callers of the API do with rollouts: upload, start, pause, go on, stop, take back. */
import { createHash } from 'node:crypto';
import { fleetModulesOf, parsePolicy } from '#config/policy.ts';
import { WeirError } from '#core/errors.ts';
import { caseBytesMax, sourceMapBytesMax } from '#core/module-files.ts';
import type { ModuleSignature } from '#core/module-signature.ts';
import {
  type Blob,
  type Content,
  type ContentKind,
  type ModuleContent,
  policyBytesMax,
  policyModulesMax,
} from '#rollout/content.ts';
import type { Guards } from '#rollout/guards.ts';
import { movingOf, settledOf } from '#rollout/plan.ts';
import { placeText, stopped } from '#rollout/progress.ts';
import { type Rollout, withStep } from '#rollout/rollout.ts';
import { isMeant } from '#rollout/rule-set.ts';
import { type Stage, stagesProblem } from '#rollout/stages.ts';
import type { RolloutConductor } from './rollout-conductor.ts';
import type { RolloutStore } from './rollout-store.ts';

/** What every module in the binary format begins with. */
const wasmMagic = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

export type RolloutWanted = {
  readonly kind: ContentKind;
  readonly name: string;
  readonly sha256: string;
  readonly stages: readonly Stage[];
  readonly guards: Guards;
  readonly baselineMs: number;
  readonly applyMs: number;
  readonly only: readonly string[];
  readonly hold: readonly string[];
  readonly note: string;
};

/** What came with the bytes of a module. */
export type UploadedBeside = {
  readonly signature: ModuleSignature | null;
  readonly cases: string | null;
  readonly sourceMap: string | null;
};

export type RolloutChange = 'pause' | 'resume' | 'abort' | 'rollback';

export type RolloutsOptions = {
  readonly conductor: RolloutConductor;
  readonly store: RolloutStore;
  readonly wallMs: () => number;
  /** Tags that no rollout touches. */
  readonly hold: readonly string[];
};

export class Rollouts {
  readonly conductor: RolloutConductor;
  readonly #options: RolloutsOptions;

  constructor(options: RolloutsOptions) {
    this.conductor = options.conductor;
    this.#options = options;
  }

  list(): readonly Rollout[] {
    return this.conductor.plan.rollouts;
  }

  /** Throws ROLLOUT_UNKNOWN. */
  find(id: string): Rollout {
    const found = this.list().find((one) => one.id === id);
    if (found !== undefined) return found;
    throw new WeirError('ROLLOUT_UNKNOWN', `no rollout "${id}" is known`, {
      details: ['weir rollout list says which are'],
    });
  }

  /** What it does is for the nodes to find out: nothing is compiled here. */
  async uploadModule(
    name: string,
    bytes: Uint8Array,
    { signature, cases, sourceMap }: UploadedBeside,
  ): Promise<ModuleContent> {
    if (!Buffer.from(bytes.subarray(0, 4)).equals(wasmMagic))
      throw new WeirError('MODULE_INVALID', `the bytes for ${name} are no WebAssembly module`);
    const sha256 = sha256Of(bytes);
    if (signature !== null && (signature.module !== name || signature.sha256 !== sha256))
      throw new WeirError(
        'MODULE_SIGNATURE_REFUSED',
        `the signature is for ${signature.module} with SHA-256 ${signature.sha256}, and this is ${name} with ${sha256}`,
      );
    const casesBytes = textBytes('the cases', cases, caseBytesMax);
    const mapBytes = textBytes('the source map', sourceMap, sourceMapBytesMax);
    const content: ModuleContent = {
      ...{ kind: 'module', sha256, bytes: bytes.length, signature },
      cases: casesBytes === null ? null : blobOf(casesBytes),
      ...(mapBytes === null ? {} : { sourceMap: blobOf(mapBytes) }),
    };
    const { store, wallMs } = this.#options;
    const all = [bytes, casesBytes, mapBytes].filter((one) => one !== null);
    await store.add(name, content, all, wallMs());
    return content;
  }

  /** Throws POLICY_INVALID with everything that is wrong with its text. */
  async uploadPolicy(name: string, text: string): Promise<Content> {
    const { store, wallMs } = this.#options;
    const parsed = parsePolicy(text);
    if (!parsed.ok) {
      const details = parsed.problems.map(
        ({ path, message, line, fix }) =>
          `${line === null ? '' : `line ${line}: `}${path} ${message}${fix === undefined ? '' : ` (${fix})`}`,
      );
      throw new WeirError('POLICY_INVALID', `${name} is no policy: ${details[0]}`, { details });
    }
    const bytes = Buffer.from(parsed.json, 'utf8');
    const wanted = fleetModulesOf(parsed.policy);
    if (bytes.length > policyBytesMax || wanted.length > policyModulesMax)
      throw new WeirError(
        'POLICY_INVALID',
        `policy ${name} has ${bytes.length} bytes and ${wanted.length} modules; ${policyBytesMax} and ${policyModulesMax} are the most`,
      );
    const modules = wanted.map(({ rule, sha256 }) => this.#module(rule, sha256));
    const content = {
      kind: 'policy',
      sha256: sha256Of(bytes),
      bytes: bytes.length,
      modules,
    } as const;
    await store.add(name, content, [bytes], wallMs());
    return content;
  }

  /** Its text; null where this orchestrator does not have it. */
  async policyText(sha256: string): Promise<string | null> {
    const bytes = await this.#options.store.read({ sha256 });
    return bytes === null ? null : Buffer.from(bytes).toString('utf8');
  }

  async start(wanted: RolloutWanted, caller: string): Promise<Rollout> {
    const { store, wallMs, hold } = this.#options;
    const problem = stagesProblem(wanted.stages);
    if (problem !== null) throw new WeirError('ROLLOUT_INVALID', problem);
    this.conductor.checkLeads();
    const { kind, name, sha256 } = wanted;
    const content = store.find(kind, name, sha256) ?? this.#known(kind, name, sha256);
    if (content === null)
      throw new WeirError('CONTENT_UNKNOWN', `no ${kind} ${name} with SHA-256 ${sha256} is here`, {
        details: ['upload it first; "weir rollout start" does so with a file'],
      });
    this.#checkFree();
    await this.conductor.send(content);
    return this.conductor.change((plan) => {
      this.#checkFree();
      const settled = settledOf(plan, wanted);
      const nowMs = wallMs();
      const id = `${name.replaceAll('_', '-').slice(0, 60)}-${nowMs.toString(36)}`;
      const terms = { only: [...wanted.only], hold: [...new Set([...wanted.hold, ...hold])] };
      const begun: Rollout = {
        ...{ id, kind, name, content },
        before:
          settled === null
            ? null
            : { content: settled.content, only: settled.only, hold: settled.hold },
        ...terms,
        stages: [...wanted.stages],
        guards: wanted.guards,
        ...{ baselineMs: wanted.baselineMs, applyMs: wanted.applyMs },
        ...{ startedBy: caller.slice(0, 64), note: wanted.note },
        ...{ state: 'running', phase: 'measuring', stage: 0 },
        ...{ startedAtMs: nowMs, stageAtMs: nowMs, soakAtMs: null, endedAtMs: null },
        ...{
          order: this.#order({ kind, name, id, ...terms }),
          told: [],
          liveAtMs: {},
          baseline: {},
        },
        ...{ why: null, stoppedBy: null, steps: [] },
      };
      return withStep(begun, nowMs, `started by ${begun.startedBy || 'nobody'}`);
    });
  }

  change(id: string, change: RolloutChange, caller: string): Promise<Rollout> {
    return this.conductor.change(() =>
      changed(this.find(id), change, caller, this.#options.wallMs()),
    );
  }

  /** One after another by the hash of rollout and node: not the same node first each time. */
  #order(rollout: Pick<Rollout, 'kind' | 'name' | 'id' | 'only' | 'hold'>): string[] {
    const rank = (node: string) => sha256Of(Buffer.from(`${rollout.id} ${node}`));
    return this.conductor
      .nodeViews(rollout)
      .filter(({ life, tags }) => life === 'there' && isMeant(rollout, tags))
      .map(({ id }) => id)
      .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }

  #checkFree(): void {
    const moving = movingOf(this.conductor.plan);
    if (moving === null) return;
    throw new WeirError(
      'ROLLOUT_BUSY',
      `rollout ${moving.id} is ${moving.state} in ${placeText(moving)}; of two at a time nobody could say which one did what`,
      { details: [`wait for it, or end it: weir rollout abort ${moving.id}`] },
    );
  }

  /** What an orchestrator before this one has rolled out. */
  #known(kind: ContentKind, name: string, sha256: string): Content | null {
    const { rollouts, settled } = this.conductor.plan;
    const found = [...settled, ...rollouts].find(
      (one) => one.kind === kind && one.name === name && one.content?.sha256 === sha256,
    );
    return found?.content ?? null;
  }

  #module(rule: string, sha256: string): ModuleContent {
    const found = this.#options.store.find('module', rule, sha256);
    if (found?.kind === 'module') return found;
    throw new WeirError('CONTENT_UNKNOWN', `no module ${rule} with SHA-256 ${sha256} is here`, {
      details: [`upload it first: weir rollout upload ${rule} FILE`],
    });
  }
}

/** Null for none. Throws MODULE_INVALID: characters were counted as they came, and bytes are what is kept. */
function textBytes(what: string, text: string | null, bytesMax: number): Uint8Array | null {
  if (text === null || text === '') return null;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= bytesMax) return bytes;
  throw new WeirError(
    'MODULE_INVALID',
    `${what} beside the module has ${bytes.length} bytes: at most ${bytesMax}`,
  );
}

const blobOf = (bytes: Uint8Array): Blob => ({ sha256: sha256Of(bytes), bytes: bytes.length });

function changed(rollout: Rollout, change: RolloutChange, caller: string, nowMs: number): Rollout {
  const { id, state } = rollout;
  const by = `by ${caller}`;
  if (change === 'pause' && state === 'running')
    return withStep(
      { ...rollout, state: 'paused' },
      nowMs,
      `paused ${by} in ${placeText(rollout)}`,
    );
  if (change === 'resume' && state === 'paused') {
    // What was waited for is waited for anew: nobody looked at the clock meanwhile.
    const next = { ...rollout, state: 'running', stageAtMs: nowMs } as const;
    const soakAtMs = rollout.soakAtMs === null ? null : nowMs;
    return withStep({ ...next, soakAtMs }, nowMs, `goes on ${by} in ${placeText(rollout)}`);
  }
  if (change === 'abort' && (state === 'running' || state === 'paused'))
    return stopped(rollout, nowMs, `aborted ${by}`, 'operator');
  if (change === 'rollback' && state !== 'rolling-back' && state !== 'rolled-back')
    return stopped(rollout, nowMs, `rolled back ${by}`, 'operator');
  const hint = {
    pause: 'only one that is running is paused',
    resume: 'only one that is paused goes on',
    abort: 'what is done is taken back with "weir rollout rollback"',
    rollback: 'it was taken back already',
  }[change];
  throw new WeirError('ROLLOUT_ENDED', `rollout ${id} is ${state}`, { details: [hint] });
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
