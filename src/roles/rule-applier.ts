/**
 * How one thing that the fleet wants becomes live on this node: through the module registry and the reload that are
 * there for everybody, and noted on disk. Bytes come from this disk, else from the bus, and are checked against the
 * hash that was signed before anybody else looks at them.
 */
import { createHash } from 'node:crypto';
import { type NamedPolicy, parsePolicy } from '#config/policy.ts';
import { WeirError } from '#core/errors.ts';
import { type Blob, blobsOf, type Content, type ModuleContent } from '#rollout/content.ts';
import { itemKey, type SetItem } from '#rollout/rule-set.ts';
import { ModuleFiles } from '#state/module-files.ts';
import {
  collectPolicyModules,
  type RolloutState,
  readRolloutState,
  rolloutPath,
  writePolicyModule,
  writeRolloutState,
} from '#state/rollout-files.ts';
import type { MetricSamples } from '#telemetry/metrics.ts';
import { type FoundSourceMap, findSourceMap } from '#wasm/found-source-map.ts';
import type { ModuleFile } from '#wasm/module-source.ts';
import { type KeptPolicy, policyModules } from './fleet-policies.ts';
import { unusedMap } from './kept-source-map.ts';
import type { LiveModules } from './live-modules.ts';
import type { ModuleRegistry } from './module-registry.ts';

export type RolloutHost = {
  readonly modules: () => { readonly live: LiveModules; readonly registry: ModuleRegistry };
  readonly layPolicies: (policies: readonly KeptPolicy[]) => Promise<unknown>;
  readonly configuredModule: (name: string) => Promise<ModuleFile>;
  readonly samples: () => Promise<MetricSamples>;
  readonly startedAtMs: number;
};

/** Null where the store of the bus does not have it whole. */
export type FetchBlob = (blob: Blob) => Promise<Uint8Array | null>;

export class RuleApplier {
  readonly #state: string;
  readonly #host: RolloutHost;
  readonly #fetch: FetchBlob;
  readonly #files: ModuleFiles;
  #kept: RolloutState;

  /** Throws STATE_UNUSABLE. */
  constructor(state: string, host: RolloutHost, fetch: FetchBlob) {
    this.#state = state;
    this.#host = host;
    this.#fetch = fetch;
    this.#files = new ModuleFiles(rolloutPath(state), '.blob');
    this.#kept = readRolloutState(state);
  }

  get kept(): RolloutState {
    return this.#kept;
  }

  async keep(change: Partial<RolloutState>): Promise<void> {
    const next = { ...this.#kept, ...change };
    await writeRolloutState(this.#state, next);
    this.#kept = next;
  }

  /** The hash that is in force now; null for nothing of that name, or in quarantine. */
  running({ kind, name }: Pick<SetItem, 'kind' | 'name'>): string | null {
    if (kind === 'policy')
      return this.#kept.policies.find((one) => one.name === name)?.sha256 ?? null;
    const found = this.#host.modules().live.list();
    const entry = found.find((one) => one.name === name);
    return entry === undefined || entry.state === 'off' ? null : entry.sha256;
  }

  /** Live when it resolves. */
  async give(item: SetItem, wanted: Content): Promise<void> {
    const key = itemKey(item);
    if (wanted.kind === 'policy') {
      await this.#givePolicy(item.name, wanted);
    } else {
      const running = this.running(item);
      // Before anything of the fleet is live: what there is to go back to.
      if (this.#kept.given[key] === undefined && running !== null)
        await this.keep({ own: { ...this.#kept.own, [key]: running } });
      await this.#loadModule(item, wanted);
    }
    await this.note(item, wanted.sha256);
  }

  async note(item: SetItem, sha256: string): Promise<void> {
    const key = itemKey(item);
    const { [key]: _, ...refused } = this.#kept.refused;
    const given = { ...this.#kept.given, [key]: { rollout: item.rollout, sha256 } };
    await this.keep({ given, refused });
  }

  /** The fleet lets go of it. */
  async takeBack(item: SetItem): Promise<void> {
    const key = itemKey(item);
    if (item.kind === 'policy') {
      const policies = this.#kept.policies.filter(({ name }) => name !== item.name);
      if (policies.length < this.#kept.policies.length) await this.#lay(policies);
    } else await this.#backToOwn(item.name, this.#kept.own[key] ?? null);
    const { [key]: _given, ...given } = this.#kept.given;
    const { [key]: _own, ...own } = this.#kept.own;
    await this.keep({ given, own });
  }

  async refuse(item: SetItem, sha256: string, reason: string): Promise<void> {
    const refusal = { rollout: item.rollout, sha256, reason };
    await this.keep({ refused: { ...this.#kept.refused, [itemKey(item)]: refusal } });
  }

  /** Bytes that neither the set nor a live policy needs are given up. */
  async collect(items: readonly SetItem[]): Promise<void> {
    const needed = items.flatMap(({ content, before }) => [content, before?.content ?? null]);
    const blobs = needed.flatMap((one) => (one === null ? [] : blobsOf(one)));
    const { given, policies } = this.#kept;
    const hashes = [...blobs, ...Object.values(given), ...policies].map(({ sha256 }) => sha256);
    await this.#files.collect(new Set(hashes));
    const named = await Promise.all(policies.map((one) => this.#readPolicy(one.name, one.sha256)));
    const paths = named.flatMap((one) => policyModules(this.#state, one).map(({ path }) => path));
    await collectPolicyModules(this.#state, new Set(paths));
  }

  async #loadModule(item: SetItem, wanted: ModuleContent) {
    const { sha256, bytes, signature, cases } = wanted;
    const loaded = await this.#blob({ sha256, bytes });
    const text = cases === null ? null : await this.#text(cases);
    await this.#host.modules().registry.load(item.name, {
      ...{ bytes: loaded, signature, cases: text, isBuiltin: false },
      ...(await this.#sourceMap(wanted)),
      ...{ origin: 'fleet', source: `rollout ${item.rollout}` },
    });
  }

  async #givePolicy(name: string, wanted: Extract<Content, { kind: 'policy' }>): Promise<void> {
    await this.#blob(wanted);
    const named = await this.#readPolicy(name, wanted.sha256);
    const faults = new Map<string, string>();
    for (const { sha256, path, rule } of policyModules(this.#state, named)) {
      const module = wanted.modules.find((one) => one.sha256 === sha256);
      if (module === undefined)
        throw new WeirError(
          'MODULE_UNREADABLE',
          `policy ${name} names fleet:${sha256} for ${rule}, and does not bring it along`,
        );
      const map = await this.#sourceMap(module);
      if (map.sourceMapFault !== null) faults.set(rule, map.sourceMapFault);
      await writePolicyModule(path, await this.#blob(module), {
        signature: module.signature === null ? null : JSON.stringify(module.signature),
        cases: module.cases === null ? null : await this.#blob(module.cases),
        sourceMap: map.sourceMap,
      });
    }
    const others = this.#kept.policies.filter((one) => one.name !== name);
    const policies = [...others, { name, sha256: wanted.sha256 }];
    await this.#lay(policies.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    for (const [rule, fault] of faults)
      this.#host.modules().live.noteSourceMap(rule, unusedMap(fault));
  }

  /** Live first: what does not fit must not be met by the next start. */
  async #lay(policies: KeptPolicy[]): Promise<void> {
    await this.#host.layPolicies(policies);
    await this.keep({ policies });
  }

  async #readPolicy(name: string, sha256: string): Promise<NamedPolicy> {
    const text = Buffer.from(await this.#files.read(sha256)).toString('utf8');
    const parsed = parsePolicy(text);
    if (parsed.ok) return { name, policy: parsed.policy };
    const { path, message } = parsed.problems[0] ?? { path: '', message: 'unreadable' };
    throw new WeirError(
      'CONFIG_INVALID',
      `policy ${name} is none of this version: ${path} ${message}`,
    );
  }

  /** What it ran before the fleet came, from its history; else what its configuration names. */
  async #backToOwn(name: string, own: string | null): Promise<void> {
    const { live, registry } = this.#host.modules();
    if (!live.list().some((one) => one.name === name)) return;
    if (own !== null && live.isLive(name, own)) return;
    const kept = live.store
      .history(name)
      .find(({ sha256, isKept, state }) => sha256 === own && isKept && state === 'ready');
    if (kept !== undefined) await registry.rollback(name, kept.version);
    else
      await registry.load(name, { ...(await this.#host.configuredModule(name)), origin: 'fleet' });
  }

  /** A module does not wait for it. */
  #sourceMap({ sourceMap }: ModuleContent): Promise<FoundSourceMap> {
    return findSourceMap(async () => (sourceMap === undefined ? null : this.#text(sourceMap)));
  }

  async #text(blob: Blob): Promise<string> {
    return Buffer.from(await this.#blob(blob)).toString('utf8');
  }

  /** Throws FLEET_BUS_FAILED where it is not to be had now. */
  async #blob(blob: Blob): Promise<Uint8Array> {
    const { sha256, bytes } = blob;
    const kept = await this.#files.read(sha256).catch(() => null);
    if (kept !== null) return kept;
    const fetched = await this.#fetch(blob);
    if (fetched === null)
      throw new WeirError(
        'FLEET_BUS_FAILED',
        `${sha256.slice(0, 12)} is not in the store of the bus`,
      );
    const found = createHash('sha256').update(fetched).digest('hex');
    if (found !== sha256 || fetched.length !== bytes)
      throw new WeirError('FLEET_BUS_FAILED', `the store of the bus has other bytes for ${sha256}`);
    await this.#files.put(sha256, fetched);
    return fetched;
  }
}
