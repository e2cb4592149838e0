/**
 * Candidates that run beside the live rules of this node, in a thread of each worker, on a share of what they serve.
 *
 * ```
 * start │ waf.rules.NAME.shadow ─► order to every worker ─► thread: live rules and candidate ─► reports ─► one difference
 *                                     ▲ again when what is live changes, and a worker joins
 * ```
 *
 * Nothing a candidate says goes anywhere but into the report. What it is compared with is a second instance of the live
 * rules in the same thread, so both begin with the same memory and see the same.
 */

import type { RuleModule } from '#config/module-schema.ts';
import type { Config } from '#config/schema.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import { changes, type Difference } from '#replay/difference.ts';
import { mergeDifferences } from '#replay/merge-differences.ts';
import type { SideModule } from '#replay/rule-side.ts';
import type { ShadowOrder, ShadowReport } from '#replay/sample-thread.ts';
import type { MetricFamily } from '#telemetry/metrics.ts';
import {
  type CandidateHost,
  type CandidateRule,
  candidateModule,
  liveSide,
} from './candidate-side.ts';
import type { NodePartHost } from './node-parts.ts';
import { readRuleSource } from './rule-source.ts';

/** Each is two more instances of every module in every worker. */
export const shadowsMax = 4;
const examplesMax = 20;
/** How often it is seen that what is live has changed. */
const followMs = 1_000;

export const shadowFamilies = {
  requests: {
    name: 'weir_shadow_requests_total',
    type: 'counter',
    help: 'Requests that a candidate ran on beside the live rules, by the module it would replace.',
  },
  changes: {
    name: 'weir_shadow_changes_total',
    type: 'counter',
    help: 'Requests of which a candidate said something else than the live rules, by kind of change.',
  },
  failures: {
    name: 'weir_shadow_failures_total',
    type: 'counter',
    help: 'Failures of candidates that run beside the live rules.',
  },
} as const satisfies Record<string, MetricFamily>;

export type ShadowStatus = {
  readonly name: string;
  readonly sha256: string;
  readonly origin: 'operator' | 'config';
  readonly sharePercent: number;
  readonly startedAt: string;
  /** What is compared with: the difference begins anew when that changes. */
  readonly generation: number;
  /** Why it does not run in some worker; null while it does in all. */
  readonly off: string | null;
  readonly difference: Difference;
};

type Entry = {
  readonly name: string;
  readonly origin: ShadowStatus['origin'];
  readonly sharePercent: number;
  readonly startedAtMs: number;
  module: SideModule;
  revision: number;
  generation: number;
  off: string | null;
  readonly reports: Map<number, ShadowReport>;
  /** Of workers that are gone. */
  readonly retired: Difference[];
};

export class NodeShadows {
  readonly #host: NodePartHost;
  readonly #candidates: CandidateHost;
  readonly #entries = new Map<string, Entry>();
  readonly #timer: NodeJS.Timeout;
  /** One after another: a candidate may be compiled for seconds. */
  #following: Promise<void> = Promise.resolve();
  /** What the configuration named, and how. */
  readonly #configured = new Map<string, string>();

  constructor(host: NodePartHost, candidates: CandidateHost) {
    this.#host = host;
    this.#candidates = candidates;
    this.#timer = setInterval(() => this.#followLive(), followMs).unref();
  }

  /** In the place of one of that name. Throws SHADOWS_FULL, MODULE_INVALID, RULES_INVALID. */
  async start(rule: CandidateRule, sharePercent: number): Promise<ShadowStatus> {
    return this.#start(
      rule.name,
      await candidateModule(rule, this.#candidates),
      sharePercent,
      'operator',
    );
  }

  /** What it has found. Throws SHADOW_UNKNOWN. */
  stop(name: string): ShadowStatus {
    const entry = this.#entries.get(name);
    if (entry === undefined)
      throw new WeirError('SHADOW_UNKNOWN', `no candidate runs beside module "${name}"`);
    this.#entries.delete(name);
    this.#host.send({ part: 'replay', kind: 'unshadow', name });
    this.#host.setDegraded(partOf(name), null);
    return statusOf(entry);
  }

  list(): ShadowStatus[] {
    return [...this.#entries.values()].map(statusOf);
  }

  /** Those that the configuration names; one that cannot be had is said and does not run. */
  follow(config: Config): Promise<void> {
    this.#following = this.#following.then(() => this.#followConfig(config));
    return this.#following;
  }

  async #followConfig(config: Config): Promise<void> {
    for (const name of this.#configured.keys())
      if (config.waf.rules[name]?.shadow === undefined) {
        this.#configured.delete(name);
        if (this.#entries.get(name)?.origin === 'config') this.stop(name);
        this.#host.setDegraded(partOf(name), null);
      }
    for (const [name, rule] of Object.entries(config.waf.rules)) {
      if (rule.shadow === undefined) continue;
      try {
        await this.#startConfigured(name, rule, config);
        this.#host.setDegraded(partOf(name), null);
      } catch (error) {
        this.#host.setDegraded(partOf(name), describeError(error));
      }
    }
  }

  take(slot: number, report: ShadowReport): void {
    const entry = this.#entries.get(report.name);
    if (entry === undefined || entry.revision !== report.revision) return;
    this.#count(entry, report.difference, entry.reports.get(slot)?.difference ?? null);
    entry.reports.set(slot, report);
    if (report.off === null || entry.off !== null) return;
    entry.off = report.off;
    this.#host.log.error({ module: entry.name, reason: report.off }, 'shadow off');
    this.#host.setDegraded(partOf(entry.name), `the candidate is off: ${report.off}`);
  }

  join(slot: number): void {
    for (const entry of this.#entries.values()) this.#send(entry, slot);
  }

  /** Its worker, or the thread in it, is gone. */
  leave(slot: number): void {
    for (const { reports, retired } of this.#entries.values()) {
      const report = reports.get(slot);
      if (report === undefined) continue;
      reports.delete(slot);
      // One sum of all that are gone.
      retired.splice(
        0,
        retired.length,
        mergeDifferences([...retired, report.difference], examplesMax),
      );
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #start(
    name: string,
    module: SideModule,
    sharePercent: number,
    origin: Entry['origin'],
  ): ShadowStatus {
    if (!this.#entries.has(name) && this.#entries.size >= shadowsMax)
      throw new WeirError('SHADOWS_FULL', `${shadowsMax} candidates run already; stop one first`);
    const entry: Entry = {
      ...{ name, origin, sharePercent, startedAtMs: wallMs(), module },
      ...{ revision: nextRevision(), generation: 0, off: null },
      ...{ reports: new Map(), retired: [] },
    };
    this.#entries.set(name, entry);
    entry.generation = this.#host.supervisor().snapshot.generation;
    this.#send(entry);
    const { log } = this.#host;
    log.info({ module: name, sha256: module.sha256, sharePercent, origin }, 'shadow begun');
    return statusOf(entry);
  }

  async #startConfigured(name: string, rule: RuleModule, config: Config): Promise<void> {
    const { shadow = '', shadowShare } = rule;
    const { module: _, seclang, shadow: _file, ...others } = rule;
    const isSeclang =
      seclang !== undefined && !shadow.endsWith('.wasm') && !/^(builtin|oci):/.test(shadow);
    const asked = isSeclang ? { ...others, seclang: [shadow] } : { ...others, module: shadow };
    const file = await readRuleSource(name, asked, { config, baseDirectory: '/' }, null);
    const key = JSON.stringify([file.sha256, shadowShare]);
    if (this.#configured.get(name) === key && this.#entries.has(name)) return;
    const { bytes } = file;
    const candidate = await candidateModule(
      { name, module: bytes, seclang: null },
      this.#candidates,
    );
    this.#start(name, candidate, shadowShare, 'config');
    this.#configured.set(name, key);
  }

  /** What is live has changed: both sides are made anew, and the difference begins again. */
  #followLive(): void {
    if (this.#entries.size === 0) return;
    const { generation, config } = this.#host.supervisor().snapshot;
    for (const entry of this.#entries.values()) {
      if (entry.generation === generation) continue;
      if (config.waf.rules[entry.name] === undefined) {
        this.stop(entry.name);
        continue;
      }
      entry.generation = generation;
      entry.revision = nextRevision();
      entry.off = null;
      entry.reports.clear();
      entry.retired.length = 0;
      this.#host.setDegraded(partOf(entry.name), null);
      this.#send(entry);
    }
  }

  #send(entry: Entry, slot?: number): void {
    const live = liveSide(this.#candidates);
    const { name, revision, sharePercent, module } = entry;
    const candidate = {
      config: live.config,
      modules: live.modules.map((one) =>
        one.name === name ? { ...one, bytes: module.bytes, sha256: module.sha256, off: null } : one,
      ),
    };
    const order: ShadowOrder = { name, revision, sharePercent, live, candidate };
    this.#host.send({ part: 'replay', kind: 'shadow', order }, slot);
  }

  #count(entry: Entry, now: Difference, before: Difference | null): void {
    const { registry } = this.#host;
    const labels = { module: entry.name };
    const add = (family: MetricFamily, more: Readonly<Record<string, string>>, delta: number) => {
      registry.counter(family.name, family.help, { ...labels, ...more }).value += delta;
    };
    add(shadowFamilies.requests, {}, now.requests - (before?.requests ?? 0));
    add(shadowFamilies.failures, {}, now.failures.candidate - (before?.failures.candidate ?? 0));
    for (const change of changes)
      add(shadowFamilies.changes, { change }, countOf(now, change) - countOf(before, change));
  }
}

const partOf = (name: string): string => `shadow of ${name}`;

let lastRevision = 0;
const nextRevision = (): number => ++lastRevision;

function countOf(of: Difference | null, change: (typeof changes)[number]): number {
  if (of === null) return 0;
  switch (change) {
    case 'newly-blocked':
      return of.newlyBlocked;
    case 'newly-passed':
      return of.newlyPassed;
    case 'newly-noted':
      return of.newlyNoted;
    case 'no-longer-noted':
      return of.noLongerNoted;
    case 'changed-rules':
      return of.changedRules;
  }
}

function statusOf(entry: Entry): ShadowStatus {
  const { name, origin, sharePercent, startedAtMs, module, generation, off } = entry;
  const parts = [
    ...entry.retired,
    ...[...entry.reports.values()].map(({ difference }) => difference),
  ];
  return {
    ...{ name, sha256: module.sha256, origin, sharePercent, generation, off },
    startedAt: new Date(startedAtMs).toISOString(),
    difference: mergeDifferences(parts, examplesMax),
  };
}
