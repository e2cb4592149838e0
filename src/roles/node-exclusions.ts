/**
 * Exclusions made from events: proposed, tried, stored, live, and taken out again when their time is over.
 *
 * ```
 * event ─► proposal ─► tried on the request (a thread) ─► exclusions.json ─► rule sets compiled anew ─► all workers
 *              └ impossible: why        └ does not help: refused       └ one refuses: the file as it was
 * ```
 *
 * Where the request was recorded it is tried on that, else on what the event shows of it.
 */

import { join } from 'node:path';
import type {
  ExclusionAnswer,
  ExclusionControl,
  ExclusionRemoved,
  ExclusionRequest,
  ExclusionTried,
  ListedExclusion,
} from '#admin/exclusion-control.ts';
import { seclangPaths } from '#config/core-rules.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { EcsEvent } from '#events/ecs-event.ts';
import { requestOfEvent, type ToldRequest } from '#events/event-request.ts';
import { type ProposedExclusion, proposeExclusions } from '#events/exclusion-proposal.ts';
import { findRecorded } from '#replay/find-recorded.ts';
import { RecordingStore } from '#replay/recording-store.ts';
import {
  type ExclusionFile,
  exclusionsMax,
  isInForce,
  readExclusionFile,
  readExclusions,
  type StoredExclusion,
  writeExclusionFile,
} from '#state/exclusion-file.ts';
import type { MetricFamily, Series } from '#telemetry/metrics.ts';
import { requestOfConfig } from '#toolchain/rule-set-request.ts';
import { tryExclusions } from '#toolchain/try-exclusions.ts';
import type { NodeEvents } from './node-events.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import { ruleSetFolder } from './rule-source.ts';

const expireMs = 2_000;

export const exclusionFamilies = {
  live: {
    name: 'weir_exclusions',
    type: 'gauge',
    help: 'Exclusions made from events that are in force.',
  },
} as const satisfies Record<string, MetricFamily>;

export class NodeExclusions implements NodePart, ExclusionControl {
  readonly name = 'exclusions';
  readonly #host: NodePartHost;
  readonly #events: NodeEvents;
  readonly #count: Series;
  #config: Config | null = null;
  #timer: NodeJS.Timeout | null = null;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(host: NodePartHost, events: NodeEvents) {
    this.#host = host;
    this.#events = events;
    const { name, help } = exclusionFamilies.live;
    this.#count = host.registry.gauge(name, help);
  }

  start(config: Config): void {
    this.follow(config);
    this.#note(this.#read());
    this.#timer ??= setInterval(() => this.#expire(), expireMs).unref();
  }

  follow(config: Config): void {
    this.#config = config;
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  list(): readonly ListedExclusion[] {
    const ruleSets = this.#ruleSets();
    return this.#read().exclusions.map(({ createdAtMs, expiresAtMs, ...rest }) => ({
      ...rest,
      createdAt: timeOf(createdAtMs),
      expiresAt: expiresAtMs === null ? null : timeOf(expiresAtMs),
      isLive: ruleSets.has(rest.ruleSet),
    }));
  }

  exclude(request: ExclusionRequest): Promise<ExclusionAnswer> {
    return this.#oneAtATime(async () => {
      const { ecs } = await this.#events.find(request.event);
      const { rule, path, host } = request;
      const proposal = proposeExclusions(ecs, {
        ...{ rule, path, host },
        ruleSets: this.#ruleSets(),
      });
      const tried = await this.#try(ecs, proposal.exclusions);
      const nowMs = wallMs();
      const { ttlSeconds, dryRun } = request;
      const expiresAtMs = ttlSeconds === null ? null : nowMs + ttlSeconds * 1_000;
      const answer = {
        ...proposal,
        tried,
        event: ecs.event.id,
        expiresAt: expiresAtMs === null ? null : timeOf(expiresAtMs),
      };
      if (dryRun) return { ...answer, ids: [], live: null };
      const file = this.#read();
      const added = proposal.exclusions.map(
        (one, index): StoredExclusion => ({
          ...one,
          parameters: [...one.parameters],
          rules: [...one.rules],
          id: `x${file.nextId + index}`,
          event: ecs.event.id,
          reason: request.reason,
          owner: request.owner,
          createdAtMs: nowMs,
          expiresAtMs,
        }),
      );
      if (file.exclusions.length + added.length > exclusionsMax)
        throw new WeirError(
          'EXCLUSIONS_FULL',
          `${exclusionsMax} exclusions are kept already; remove some, or write them into the configuration (waf.rules.NAME.exclusions)`,
        );
      const live = await this.#change(file, {
        v: 1,
        nextId: file.nextId + added.length,
        exclusions: [...file.exclusions, ...added],
      });
      for (const one of added) this.#host.log.info({ exclusion: one, ...live }, 'exclusion live');
      return { ...answer, ids: added.map(({ id }) => id), live };
    });
  }

  remove(id: string): Promise<ExclusionRemoved> {
    return this.#oneAtATime(async () => {
      const file = this.#read();
      const left = file.exclusions.filter((one) => one.id !== id);
      if (left.length === file.exclusions.length)
        throw new WeirError(
          'EXCLUSION_UNKNOWN',
          `there is no exclusion ${id}; weir exclude list shows them`,
        );
      const live = await this.#change(file, { ...file, exclusions: left });
      this.#host.log.info({ exclusion: id, ...live }, 'exclusion removed');
      return { id, ...live };
    });
  }

  /** Throws EXCLUSION_IMPOSSIBLE where a rule still matches where it was excluded. */
  async #try(ecs: EcsEvent, proposed: readonly ProposedExclusion[]): Promise<ExclusionTried[]> {
    const recorded = await findRecorded(
      new RecordingStore(this.#host.statePath),
      ecs.http?.request.id ?? '',
    );
    const request = recorded ?? requestOfEvent(ecs);
    if (request === null) return [];
    const tried: ExclusionTried[] = [];
    for (const ruleSet of new Set(proposed.map((one) => one.ruleSet))) {
      const own = proposed.filter((one) => one.ruleSet === ruleSet);
      const { before, after } = await this.#tryOne(ruleSet, own, request);
      const covered = (match: { rule: string; target: string }) =>
        own.some(
          ({ rules, parameters }) =>
            rules.includes(match.rule) &&
            (parameters.length === 0 || parameters.includes(match.target)),
        );
      const left = after.matches.find(covered);
      if (left !== undefined)
        throw new WeirError(
          'EXCLUSION_IMPOSSIBLE',
          `tried, and rule ${ruleSet}/${left.rule} still matches at ${left.target}: nothing was changed`,
          {
            details: [
              'name a wider path with --path, or report it: weir rules explain shows the rule',
            ],
          },
        );
      tried.push({
        ruleSet,
        on: recorded === null ? 'event' : 'recording',
        outcome: before.matches.some(covered) ? 'mended' : 'not-reproduced',
        stillStoppedBy: after.stoppedBy === null ? null : `${ruleSet}/${after.stoppedBy}`,
      });
    }
    return tried;
  }

  #tryOne(ruleSet: string, proposed: readonly ProposedExclusion[], request: ToldRequest) {
    const { config } = this;
    const rule = config.waf.rules[ruleSet];
    assert(rule !== undefined, 'proposed for rule sets of the configuration alone');
    const kept = readExclusions(config.state, ruleSet, wallMs());
    const further = proposed.map(({ host = null, path, exact, parameters, rules }) => ({
      ...{ host, path, exact, parameters, rules },
      tags: [],
    }));
    return tryExclusions({
      current: requestOfConfig(ruleSet, rule, kept),
      candidate: requestOfConfig(ruleSet, rule, [...kept, ...further]),
      cacheFolder: join(config.state, ruleSetFolder),
      request,
    });
  }

  /** On disk, then in all workers; a change that none takes is not on disk either. */
  async #change(
    before: ExclusionFile,
    after: ExclusionFile,
  ): Promise<{ generation: number; workers: number }> {
    const node = this.#host.node();
    if (node === null) throw new WeirError('SHUTTING_DOWN', 'the node is not ready yet');
    node.refuseWhileUpgrading();
    const { state } = this.config;
    await writeExclusionFile(state, after);
    try {
      const { generation, workers } = await node.reloadOver(async (live) => live);
      this.#note(after);
      return { generation, workers };
    } catch (error) {
      await writeExclusionFile(state, before);
      throw error;
    }
  }

  #expire(): void {
    void this.#oneAtATime(async () => {
      const nowMs = wallMs();
      const file = this.#read();
      const left = file.exclusions.filter((one) => isInForce(one, nowMs));
      if (left.length === file.exclusions.length) return;
      const over = file.exclusions.filter((one) => !isInForce(one, nowMs)).map(({ id }) => id);
      const live = await this.#change(file, { ...file, exclusions: left });
      this.#host.log.info({ exclusions: over, ...live }, 'exclusions have expired');
    }).then(
      () => this.#host.setDegraded('exclusions', null),
      (error: unknown) => this.#host.setDegraded('exclusions', describeError(error)),
    );
  }

  #note({ exclusions }: ExclusionFile): void {
    this.#count.value = exclusions.length;
  }

  #read(): ExclusionFile {
    return readExclusionFile(this.config.state);
  }

  #ruleSets(): ReadonlySet<string> {
    const rules = Object.entries(this.config.waf.rules);
    return new Set(rules.flatMap(([name, rule]) => (seclangPaths(rule) === null ? [] : [name])));
  }

  private get config(): Config {
    assert(this.#config !== null, 'started before it is asked');
    return this.#config;
  }

  #oneAtATime<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => {});
    return result;
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
