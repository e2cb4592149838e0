/**
 * CrowdSec on this node, both ways: decisions of an agent are enforced as part of the block list, and bouncers are
 * answered what this node blocks and what its rules say.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PartStatus } from '#admin/part-status.ts';
import type { LapiSettings, ServeSettings } from '#config/crowdsec-schema.ts';
import type { Config } from '#config/schema.ts';
import { assert } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import { type AppsecAction, BouncerServer } from '#crowdsec/bouncer-server.ts';
import { ChangeRing } from '#crowdsec/change-ring.ts';
import { CrowdsecCounts } from '#crowdsec/crowdsec-metrics.ts';
import type { ServedBlocks } from '#crowdsec/decision-answers.ts';
import { LapiClient, lapiOrigin } from '#crowdsec/lapi-client.ts';
import { ListGuard } from '#feeds/list-guard.ts';
import type { CheckAnswer } from '#proxy/request-check.ts';
import type { EdgeNode } from './edge-node.ts';
import { guardedRanges } from './node-feeds.ts';
import { listsOfNode, type NodeLists } from './node-lists.ts';
import type { NodePart, NodePartHost } from './node-parts.ts';
import type { FromPart } from './part-messages.ts';
import { WorkerChecks } from './worker-checks.ts';

const servePart = 'crowdsec bouncers';

export class NodeCrowdsec implements NodePart {
  readonly name = 'crowdsec';
  readonly #host: NodePartHost;
  readonly #counts: CrowdsecCounts;
  readonly #checks: WorkerChecks;
  #config: Config | null = null;
  #lists: NodeLists | null = null;
  #blocks: ServedBlocks | null = null;
  #lapi: { readonly client: LapiClient; readonly settings: LapiSettings } | null = null;
  #server: { readonly server: BouncerServer; readonly settings: ServeSettings } | null = null;
  #guarded = '';

  constructor(host: NodePartHost) {
    this.#host = host;
    this.#counts = new CrowdsecCounts(host.registry);
    this.#checks = new WorkerChecks(host.send);
  }

  start(config: Config): Promise<void> {
    this.#config = config;
    // After an upgrade that did not get there the node stands already.
    return this.#host.node() === null ? Promise.resolve() : this.ready();
  }

  async ready(): Promise<void> {
    assert(this.#config !== null, 'it was started');
    const { live, kept, lists } = listsOfNode(this.#host);
    this.#lists = lists;
    this.#blocks = servedBlocks(live);
    if (this.#config.crowdsec?.lapi === undefined && kept.kept.has(lapiOrigin))
      await lists.remove(lapiOrigin);
    await this.follow(this.#config);
  }

  async follow(config: Config): Promise<void> {
    this.#config = config;
    if (this.#lists === null) return;
    await this.#followLapi(config, this.#lists);
    await this.#serve(config.crowdsec?.serve);
  }

  take(message: Extract<FromPart, { part: 'crowdsec' }>): void {
    this.#checks.take(message);
  }

  join(slot: number): void {
    this.#checks.join(slot);
  }

  leave(slot: number): void {
    this.#checks.leave(slot);
  }

  status(): PartStatus['crowdsec'] {
    const server = this.#server?.server;
    return {
      lapi: this.#lapi?.client.status() ?? null,
      serve: server === undefined ? null : { address: server.address, bouncers: server.bouncers() },
    };
  }

  async close(): Promise<void> {
    await this.#server?.server.close();
    this.#server = null;
    await this.#lapi?.client.close();
    this.#lapi = null;
    this.#lists = null;
  }

  async #followLapi(config: Config, lists: NodeLists): Promise<void> {
    const settings = config.crowdsec?.lapi;
    const ranges = guardedRanges(config);
    const guarded = ranges.map(({ text }) => text).join();
    const isGuardedAnew = guarded !== this.#guarded;
    this.#guarded = guarded;
    const known = this.#lapi;
    if (known !== null && settings !== undefined && isDeepStrictEqual(known.settings, settings)) {
      if (isGuardedAnew) void known.client.guardBy(new ListGuard(ranges, settings.allowPrivate));
      return;
    }
    await known?.client.close();
    this.#lapi = null;
    if (settings === undefined) {
      if (known !== null) await lists.remove(lapiOrigin);
      return;
    }
    const client = new LapiClient({
      ...{ settings, lists, log: this.#host.log },
      guard: new ListGuard(ranges, settings.allowPrivate),
      onAsked: (result, status) => this.#counts.asked(result, status),
    });
    this.#lapi = { client, settings };
    void client.ask();
  }

  /** A server that cannot be started is said; the node serves its clients meanwhile. */
  async #serve(settings: ServeSettings | undefined): Promise<void> {
    if (isDeepStrictEqual(this.#server?.settings, settings) && this.#server !== null) return;
    await this.#server?.server.close();
    this.#server = null;
    this.#host.setDegraded(servePart, null);
    const blocks = this.#blocks;
    if (settings === undefined || blocks === null) return;
    try {
      const server = await BouncerServer.start({
        settings,
        blocks,
        check: async (request, timeoutMs) => actionOf(await this.#checks.check(request, timeoutMs)),
        onCall: (kind, result) => this.#counts.called(kind, result),
        log: this.#host.log,
      });
      this.#server = { server, settings };
      this.#host.log.info({ address: server.address }, 'bouncers are answered');
    } catch (error) {
      this.#host.setDegraded(servePart, describeError(error));
    }
  }
}

function actionOf({ verdict }: CheckAnswer): AppsecAction {
  if (verdict === 'allow') return 'allow';
  return verdict === 'challenge' ? 'captcha' : 'ban';
}

function servedBlocks({ blocks }: EdgeNode): ServedBlocks {
  const ring = new ChangeRing();
  blocks.onEnforced = (targets) => ring.note(targets);
  return {
    get version() {
      return ring.version;
    },
    find: (target) => {
      const entry = blocks.find(target);
      if (entry === null) return null;
      const { action, origin, reason, expiresAt } = entry;
      const expiresAtMs = expiresAt === null ? null : Date.parse(expiresAt);
      return { target, action, origin, reason, expiresAtMs };
    },
    targets: () => blocks.items().items.map(({ target }) => target),
    changedSince: (version) => ring.since(version),
  };
}
