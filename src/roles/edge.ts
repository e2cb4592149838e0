/**
 * `weir edge`: everything of a node put together, in the order it must come up, and down.
 *
 * ```
 * config ─► state directory ─► block store ─► modules ─► certificates ─► workers listen ─► management API ─► run file
 * ```
 *
 * A successor (`takeover.ts`) gets sockets and blocks from the process before it, and opens the block store
 * only when that has closed it.
 * The run file comes last: whoever finds it finds a node that answers.
 */
import { startAdmin } from '#admin/server.ts';
import { parseListenAddress } from '#config/address.ts';
import { wallMs } from '#core/clock.ts';
import { readChallengeKeys } from '#state/challenge-keys.ts';
import { ModuleStore } from '#state/module-store.ts';
import { OcspCache } from '#state/ocsp-cache.ts';
import { openStateDirectory } from '#state/state-directory.ts';
import { createLog } from '#telemetry/log.ts';
import type { BlockOrder } from '#wasm/services/block-requests.ts';
import { kernelItems } from './block-entries.ts';
import { BlockSources } from './block-sources.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { rotateChallengeKeys } from './challenge-key-rotation.ts';
import { DetectorBlocks } from './detector-blocks.ts';
import { EdgeNode } from './edge-node.ts';
import { grantCheck } from './fleet-grants.ts';
import { joinFleet } from './fleet-host.ts';
import { inspectionTerms } from './inspection-terms.ts';
import type { BlockItem } from './ipc.ts';
import { climbLadder } from './kernel-ladder.ts';
import { type Launched, launch } from './launch.ts';
import { LiveModules, plannedSources } from './live-modules.ts';
import { ModuleBlocks } from './module-blocks.ts';
import { planModules } from './module-plan.ts';
import { ModuleRegistry } from './module-registry.ts';
import { ModuleWatches } from './module-watch.ts';
import { NodeBlocks } from './node-blocks.ts';
import { NodeCertificates } from './node-certificates.ts';
import { fleetIdentity, NodeFleet } from './node-fleet.ts';
import { nodeRegistry } from './node-metrics.ts';
import { NodeParts } from './node-parts.ts';
import { NodeRules } from './node-rules.ts';
import { bindSockets } from './node-sockets.ts';
import { type NodeStores, openNodeStores } from './node-stores.ts';
import { OcspStapler } from './ocsp-stapler.ts';
import { notifyServiceManager } from './service-manager.ts';
import { Shield } from './shield.ts';
import {
  type ConfigOrigin,
  loadChecked,
  readTlsPlan,
  readUpstreamFiles,
} from './snapshot-source.ts';
import { Supervisor } from './supervisor.ts';
import { SwapService } from './swap-service.ts';
import type { Takeover } from './takeover.ts';
import { newTicketKeys, rotateTicketKeys } from './ticket-rotation.ts';
import { version } from './version.ts';
import { workerCount } from './worker-count.ts';

export type RunningEdge = {
  readonly addresses: readonly string[];
  readonly adminAddress: string;
  readonly statePath: string;
  readonly token: string;
  readonly tokenIsNew: boolean;
  readonly workers: number;
  readonly modules: number;
  readonly version: string;
  readonly configSha256: string;
  /** Resolves when the edge has drained and everything is closed. */
  readonly ended: Promise<void>;
  drain(): void;
  /** Gives in-flight requests no more time. */
  stop(): void;
  reload(): Promise<void>;
};

export async function startEdge(
  origin: ConfigOrigin,
  launched: Launched | null,
  takeover: Takeover | null = null,
): Promise<RunningEdge> {
  const loaded = await loadChecked(origin);
  const { config } = loaded;
  const log = createLog(config.log.level, 'supervisor');
  const identity = fleetIdentity(config);
  const state = openStateDirectory(config.state, takeover?.pid ?? null);
  const openStores = () => openNodeStores(state.path, identity);
  let stores = takeover === null ? openStores() : null;
  const moduleStore = ModuleStore.open(state.path);
  const modules = await planModules(loaded, moduleStore, log).finally(() => moduleStore.close());
  const tlsPlan = await readTlsPlan(config);

  const { registry, metrics } = nodeRegistry();
  const gauges = new Set(
    registry.families.filter(({ type }) => type === 'gauge').map(({ name }) => name),
  );

  const certificates = new NodeCertificates({ state: state.path, log, metrics, version });
  await certificates.configure(config);
  const ended = Promise.withResolvers<void>();
  const entry = new URL('../main.ts', import.meta.url).pathname;
  const workers = workerCount(config.edge.workers);
  let node: EdgeNode | null = null;
  const ticketKeys = takeover?.ticketKeys ?? newTicketKeys();
  const challengeKeys = await readChallengeKeys(state.path, wallMs());
  const sockets = bindSockets(config, workers, takeover ?? launched);
  const stapler = new OcspStapler(new OcspCache(state.path), log);
  const tlsFiles = certificates.fill(tlsPlan);
  const moduleBlocks = new ModuleBlocks(registry, log);
  const detectorBlocks = new DetectorBlocks({
    node: () => node,
    handshakes: (targets) => supervisor.handshakes(targets),
    findings: metrics.findings,
    log,
  });
  const onBlock = (order: BlockOrder) => {
    // While it starts there is nobody yet to keep it: the module sees its client again.
    if (node !== null) void moduleBlocks.block(node, order);
  };
  const parts = new NodeParts({
    statePath: state.path,
    ...{ log, registry },
    supervisor: () => supervisor,
    node: () => node,
    setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
  });
  const supervisor: Supervisor = new Supervisor(
    {
      generation: 1,
      config,
      ...tlsFiles,
      certificates: stapler.staple(tlsFiles.certificates, config),
      modules: plannedSources(modules),
      upstreamFiles: await readUpstreamFiles(config),
    },
    {
      entry,
      workers,
      log,
      ticketKeys,
      challengeKeys: challengeKeys.keys,
      sockets: sockets.edge,
      gauges,
      blocks: () =>
        node?.blockItems() ?? takeover?.blocks ?? { version: 0, items: itemsOf(stores) },
      shared: takeover?.shared ?? null,
      onBlock,
      onBlockHits: (hits) => node?.blocks.note(hits),
      parts,
    },
  );
  let shield: Shield | null = null;
  let ownRules: NodeRules | null = null;
  const startShield = (opened: NodeStores, addresses: readonly string[]) => {
    const kernel = takeover?.kernel ?? launched?.kernel ?? climbLadder(config, null);
    return Shield.start({
      entry,
      handover: kernel,
      log,
      guards: {
        kernel: config.kernel,
        ports: addresses.flatMap((address) => parseListenAddress(address)?.port ?? []),
        interfaces: kernel.interfaces.map(({ name }) => name),
      },
      allowed: config.edge.allow,
      blocks: () => kernelItems(node?.blockItems().items ?? itemsOf(opened)),
      rules: () => ownRules?.set ?? opened.rules.load(),
      rulesLeft: takeover?.rulesLeft ?? [],
      inspection: inspectionTerms(supervisor.snapshot),
      onModuleFailure: (failure) => supervisor.onModuleFailure?.(failure),
      onBlock,
      counts: () => node?.blocks.counts ?? null,
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
      onFinding: (finding) => void detectorBlocks.found(finding),
    });
  };
  try {
    if (sockets.reason !== null) supervisor.setDegraded('listening sockets', sockets.reason);
    // Rules are in force before the first connection is taken, where the ports are known by now.
    const enforcesRules = (launched?.kernel.step ?? 'accept') !== 'accept';
    const bound = enforcesRules ? (sockets.edge?.listeners ?? []) : [];
    if (stores !== null && bound.length > 0)
      shield = await startShield(
        stores,
        bound.map(({ address }) => address),
      );
    const addresses = await supervisor.start();
    if (takeover !== null) await takeover.release();
    stores ??= openStores();
    await parts.start(config);
    shield ??= await startShield(stores, addresses);
    const rules = new NodeRules({
      store: stores.rules,
      shield,
      allowed: () => (node?.config ?? config).edge.allow,
      inspectModule: () => (node?.config ?? config).kernel.inspect?.module ?? null,
      checkMayChange: () => node?.refuseWhileUpgrading(),
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
      log,
    });
    ownRules = rules;
    const fleet = new NodeFleet({
      ...{ config, identity, log },
      statePath: state.path,
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
    });
    const watching = { close: () => {} };
    const kernel = shield;
    const swaps = new SwapService({
      statePath: state.path,
      log,
      handover: () => kernel.handover,
      swap: (next) => node?.swapProgram(next) ?? kernel.swap(next),
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
    });
    const rotation = rotateTicketKeys(supervisor, log);
    const challengeRotation = rotateChallengeKeys(challengeKeys, state.path, supervisor, log);
    const certificateWatch = new CertificateWatch(supervisor);
    const drained = async () => {
      watching.close();
      swaps.close();
      shield?.close();
      detectorBlocks.close();
      rotation.close();
      challengeRotation.close();
      certificateWatch.close();
      stapler.close();
      await admin.close();
      await running.closeStore();
      state.removeRunFile();
      log.info('ended');
      ended.resolve();
    };
    node = new EdgeNode({
      origin,
      loaded,
      supervisor,
      certificates,
      tlsPlan,
      stapler,
      certificateWatch,
      blocks: new NodeBlocks({
        store: stores.blocks,
        fleet: stores.fleet?.enforced ?? null,
        lists: stores.lists,
        version: takeover?.blocks.version ?? stores.blocks.count,
        supervisor,
        shield,
        log,
      }),
      ...{ shield, parts, rules, fleet },
      closeStores: () => stores?.close(),
      takeBack: () => {
        announce();
        swaps.listen();
        stores = openStores();
        return stores;
      },
      entry,
      sockets,
      registry,
      metrics,
      version,
      log,
      onDrained: () => void drained(),
    });
    const registryParts = { host: node.moduleHost, metrics: metrics.modules, log };
    const openStore = () => ModuleStore.open(state.path);
    const live = new LiveModules(loaded, { ...registryParts, openStore });
    await live.adopt(loaded, modules);
    node.modules = { live, registry: new ModuleRegistry({ ...registryParts, live }) };
    await parts.ready();
    const admin = await startAdmin({
      control: node,
      address: sockets.admin?.listeners[0]?.address ?? config.admin.address,
      descriptor: sockets.admin?.listeners[0]?.descriptors[0] ?? null,
      token: state.token,
      logger: log,
      grants: grantCheck(identity, log),
    });
    const running = node;
    running.admin = admin;
    supervisor.onModuleFailure = (failure) => void running.modules.registry.noteFailure(failure);
    certificates.host = {
      setChallenges: (challenges) => supervisor.setChallenges(challenges),
      makeCertificatesLive: () => running.makeCertificatesLive(),
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
    };
    certificates.start();
    stapler.start({
      onChange: () => running.makeStaplesLive(),
      setDegraded: (part, reason) => supervisor.setDegraded(part, reason),
    });
    swaps.listen();
    const watches = new ModuleWatches(node.modules, supervisor, log);
    watching.close = () => watches.close();
    live.onAdopted = (planned, adopted) => watches.follow(planned, adopted);
    watches.follow(modules, loaded);
    await joinFleet({ fleet, node: running, stores, supervisor, shield, config, addresses, admin });
    const startedAt = new Date().toISOString();
    const announce = () =>
      state.writeRunFile({ pid: process.pid, admin: admin.address, startedAt, version });
    announce();
    log.info({ addresses, admin: admin.address, workers }, 'edge ready');
    const unheard = notifyServiceManager([`MAINPID=${process.pid}`, 'READY=1']);
    if (unheard !== null) supervisor.setDegraded('service manager', unheard);
    return {
      addresses,
      adminAddress: admin.address,
      statePath: state.path,
      token: state.token,
      tokenIsNew: state.tokenIsNew,
      workers,
      modules: modules.length,
      version,
      configSha256: loaded.sha256,
      ended: ended.promise,
      drain: () => void running.drain(),
      stop: () => void running.stop(0),
      // What was refused is in the log and in status.
      reload: () =>
        running.reload().then(
          () => {},
          () => {},
        ),
    };
  } catch (error) {
    supervisor.killAll();
    shield?.close();
    stores?.close();
    throw error;
  }
}

/** Before there is a node: what it will enforce. */
const itemsOf = (stores: NodeStores | null): BlockItem[] =>
  stores === null
    ? []
    : new BlockSources(stores.blocks, stores.fleet?.enforced ?? null, stores.lists).items(wallMs());

/** First Ctrl-C drains, a second one cuts; SIGTERM drains; SIGHUP reloads. */
export function handleSignals(edge: RunningEdge, onDrain: () => void): void {
  let asked = 0;
  const end = () => {
    asked++;
    if (asked === 1) {
      onDrain();
      edge.drain();
    } else edge.stop();
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  process.on('SIGHUP', () => void edge.reload());
}

export async function runEdge(options: { readonly configFile: string }): Promise<number> {
  const origin = { file: options.configFile };
  const edge = await startEdge(origin, launch(origin));
  handleSignals(edge, () => {});
  if (edge.tokenIsNew)
    process.stderr.write(`management token (kept in ${edge.statePath}/token): ${edge.token}\n`);
  await edge.ended;
  return 0;
}
