/**
 * `weir edge`: everything of a node put together, in the order it must come up, and down.
 *
 * ```
 * config ─► state directory ─► block store ─► modules ─► workers listen ─► management API ─► run file
 * ```
 *
 * The run file comes last: whoever finds it finds a node that answers.
 */
import { randomBytes } from 'node:crypto';
import { startAdmin } from '#admin/server.ts';
import { describeError } from '#core/errors.ts';
import { BlockStore } from '#state/block-store.ts';
import { openStateDirectory } from '#state/state-directory.ts';
import { createLog, type Logger } from '#telemetry/log.ts';
import { EdgeNode } from './edge-node.ts';
import { watchModules } from './module-watch.ts';
import { nodeRegistry } from './node-metrics.ts';
import {
  type ConfigOrigin,
  forWorkers,
  loadChecked,
  readCertificates,
  readModules,
  readUpstreamFiles,
} from './snapshot-source.ts';
import { Supervisor } from './supervisor.ts';
import { version } from './version.ts';
import { workerCount } from './worker-count.ts';

export type RunningEdge = {
  readonly addresses: readonly string[];
  readonly adminAddress: string;
  readonly statePath: string;
  readonly token: string;
  readonly tokenIsNew: boolean;
  readonly workers: number;
  /** Resolves when the edge has drained and everything is closed. */
  readonly ended: Promise<void>;
  drain(): void;
  /** Gives in-flight requests no more time. */
  stop(): void;
  reload(): Promise<void>;
};

export async function startEdge(origin: ConfigOrigin): Promise<RunningEdge> {
  const loaded = await loadChecked(origin);
  const { config } = loaded;
  const log = createLog(config.log.level, 'supervisor');
  const state = openStateDirectory(config.state);
  const store = BlockStore.open(state.path);
  const modules = await readModules(loaded);
  const certificates = await readCertificates(config, loaded.baseDirectory);

  const { registry, metrics } = nodeRegistry();
  const gauges = new Set(
    registry.families.filter(({ type }) => type === 'gauge').map(({ name }) => name),
  );

  const ended = Promise.withResolvers<void>();
  const workers = workerCount(config.edge.workers);
  let node: EdgeNode | null = null;
  const supervisor = new Supervisor(
    {
      generation: 1,
      config,
      certificates,
      modules: forWorkers(modules),
      upstreamFiles: await readUpstreamFiles(config),
    },
    {
      entry: new URL('../main.ts', import.meta.url).pathname,
      workers,
      log,
      ticketKeys: randomBytes(48),
      gauges,
      blocks: () => ({
        version: node?.listBlocks().version ?? 0,
        items: store.list().map(({ target, expiresAtMs }) => ({ target, expiresAtMs })),
      }),
    },
  );
  try {
    const addresses = await supervisor.start();
    const watching = { close: () => {} };
    const drained = async () => {
      watching.close();
      await admin.close();
      store.close();
      state.removeRunFile();
      log.info('ended');
      ended.resolve();
    };
    node = new EdgeNode({
      origin,
      loaded,
      modules,
      supervisor,
      store,
      registry,
      metrics,
      version,
      log,
      onDrained: () => void drained(),
    });
    const admin = await startAdmin({
      control: node,
      address: config.admin.address,
      token: state.token,
      logger: log,
    });
    node.adminAddress = admin.address;
    watching.close = watchModules(modules, loaded, node, supervisor, log);
    state.writeRunFile({
      pid: process.pid,
      admin: admin.address,
      startedAt: new Date().toISOString(),
      version,
    });
    log.info({ addresses, admin: admin.address, workers }, 'edge ready');
    const running = node;
    return {
      addresses,
      adminAddress: admin.address,
      statePath: state.path,
      token: state.token,
      tokenIsNew: state.tokenIsNew,
      workers,
      ended: ended.promise,
      drain: () => void running.drain(),
      stop: () => void running.stop(0),
      reload: () => reload(running, log),
    };
  } catch (error) {
    supervisor.killAll();
    store.close();
    throw error;
  }
}

async function reload(node: EdgeNode, log: Logger): Promise<void> {
  try {
    await node.reload();
  } catch (error) {
    log.error({ reason: describeError(error) }, 'reload refused, the old configuration stays');
  }
}

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
  const edge = await startEdge({ file: options.configFile });
  handleSignals(edge, () => {});
  if (edge.tokenIsNew)
    process.stderr.write(`management token (kept in ${edge.statePath}/token): ${edge.token}\n`);
  await edge.ended;
  return 0;
}
