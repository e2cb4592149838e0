/**
 * `weir orchestrator`: the control plane of a fleet put together, in the order it comes up, and down.
 *
 * ```
 * config ─► state directory ─► database ─► API ─► fleet ─► run file
 * ```
 *
 * The run file comes last: whoever finds it finds an orchestrator that answers.
 */
import { readWebhookSecret } from '#config/check-webhook.ts';
import { loadOrchestrator } from '#config/load-orchestrator.ts';
import type { OrchestratorConfig } from '#config/orchestrator-schema.ts';
import { formatProblem } from '#config/problem.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import { AuditLog } from '#orchestrator/audit-log.ts';
import { openOrchestratorDatabase } from '#orchestrator/orchestrator-database.ts';
import { OrchestratorFleet } from '#orchestrator/orchestrator-fleet.ts';
import { OrchestratorMetrics } from '#orchestrator/orchestrator-metrics.ts';
import type { OrchestratorStatus } from '#orchestrator/schema.ts';
import { startOrchestratorApi } from '#orchestrator/server.ts';
import { TokenStore } from '#orchestrator/token-store.ts';
import { Webhooks } from '#orchestrator/webhooks.ts';
import { orchestratorRunFile } from '#state/run-file.ts';
import { openStateDirectory } from '#state/state-directory.ts';
import { createLog } from '#telemetry/log.ts';
import { notifyServiceManager } from './service-manager.ts';
import { version } from './version.ts';

export type RunningOrchestrator = {
  readonly address: string;
  readonly statePath: string;
  readonly token: string;
  readonly tokenIsNew: boolean;
  close(): Promise<void>;
};

/** Throws CONFIG_INVALID with every problem at once. */
export async function loadOrchestratorChecked(file: string | null): Promise<OrchestratorConfig> {
  const loaded = await loadOrchestrator({ file, env: process.env, defaults: '{}' });
  if (loaded.ok) return loaded.config;
  throw new WeirError(
    'CONFIG_INVALID',
    `the configuration has ${loaded.problems.length} problem${loaded.problems.length === 1 ? '' : 's'}`,
    { details: loaded.problems.map((problem) => formatProblem(problem, file)) },
  );
}

export async function startOrchestrator(config: OrchestratorConfig): Promise<RunningOrchestrator> {
  const log = createLog(config.log.level, 'orchestrator');
  const directory = openStateDirectory(config.state, null, orchestratorRunFile);
  const state = openOrchestratorDatabase(directory.path);
  const startedAt = new Date().toISOString();
  let fleet: OrchestratorFleet | null = null;
  let webhooks: Webhooks | null = null;
  try {
    const audit = new AuditLog(state, config.audit.entriesMax, wallMs);
    const metrics = new OrchestratorMetrics();
    const api = await startOrchestratorApi({
      address: config.api.address,
      version,
      logger: log,
      gateway: config.gateway,
      parts: {
        tokens: new TokenStore(state, directory.token, wallMs),
        audit,
        fleet: () => {
          if (fleet !== null) return fleet;
          throw new WeirError('FLEET_OFF', 'this orchestrator has no fleet', {
            details: ['give its configuration a fleet section; "weir fleet init" writes one'],
          });
        },
        status: () => ({
          version,
          nodeVersion: process.version,
          pid: process.pid,
          startedAt,
          address: api.address,
          audit: audit.head,
          fleet: fleet === null ? null : fleetStatus(fleet),
          degraded: fleet === null ? [] : degradedOf(fleet),
        }),
        metrics: () => metrics.render(fleet, webhooks, audit),
      },
    });
    if (config.fleet !== undefined) {
      const hooks = config.webhooks.map((hook) => ({
        ...hook,
        secret: readWebhookSecret(hook.secretFile),
      }));
      const teller = new Webhooks(hooks, config.fleet.name, log);
      webhooks = teller;
      fleet = new OrchestratorFleet({
        config: { ...config, fleet: config.fleet },
        state,
        directory: directory.path,
        address: api.address,
        version,
        log,
        tellDeath: (node) => teller.nodeDied(node),
      });
      fleet.start();
    }
    directory.writeRunFile({ pid: process.pid, admin: api.address, startedAt, version });
    log.info({ api: api.address, fleet: config.fleet?.name ?? null }, 'orchestrator ready');
    const unheard = notifyServiceManager([`MAINPID=${process.pid}`, 'READY=1']);
    if (unheard !== null) log.warn({ reason: unheard }, 'service manager');
    return {
      address: api.address,
      statePath: directory.path,
      token: directory.token,
      tokenIsNew: directory.tokenIsNew,
      close: async () => {
        directory.removeRunFile();
        await api.close();
        await webhooks?.close();
        await fleet?.close();
        state.close();
        log.info('ended');
      },
    };
  } catch (error) {
    state.close();
    throw error;
  }
}

function fleetStatus(fleet: OrchestratorFleet): NonNullable<OrchestratorStatus['fleet']> {
  const { name, self, bus, leader, registry, blocks } = fleet;
  return {
    name,
    self,
    bus: bus.state,
    busReason: bus.reason,
    isLeader: leader.isLeader,
    leader: leader.leader,
    nodes: registry.list().length,
    blocks: blocks.count,
  };
}

function degradedOf({ bus, problems }: OrchestratorFleet): OrchestratorStatus['degraded'] {
  return [
    ...(bus.reason === null ? [] : [{ part: 'bus', reason: bus.reason }]),
    ...[...problems].map(([part, reason]) => ({ part, reason })),
  ];
}

export async function runOrchestrator(options: {
  readonly configFile: string | null;
}): Promise<number> {
  const orchestrator = await startOrchestrator(await loadOrchestratorChecked(options.configFile));
  const { statePath, token, tokenIsNew } = orchestrator;
  if (tokenIsNew)
    process.stderr.write(`token of the orchestrator (kept in ${statePath}/token): ${token}\n`);
  const ended = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve());
  await ended.promise;
  await orchestrator.close();
  return 0;
}
