/**
 * `weir orchestrator`: the control plane of a fleet put together, in the order it comes up, and down.
 *
 * ```
 * config ─► state directory ─► database ─► API ─► run file
 * ```
 *
 * The run file comes last: whoever finds it finds an orchestrator that answers.
 */
import { loadOrchestrator } from '#config/load-orchestrator.ts';
import type { OrchestratorConfig } from '#config/orchestrator-schema.ts';
import { formatProblem } from '#config/problem.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import { AuditLog } from '#orchestrator/audit-log.ts';
import { openOrchestratorDatabase } from '#orchestrator/orchestrator-database.ts';
import { startOrchestratorApi } from '#orchestrator/server.ts';
import { TokenStore } from '#orchestrator/token-store.ts';
import { orchestratorRunFile } from '#state/run-file.ts';
import { openStateDirectory } from '#state/state-directory.ts';
import { createLog } from '#telemetry/log.ts';
import { MetricRegistry, renderMetrics } from '#telemetry/metrics.ts';
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
export function loadOrchestratorChecked(file: string | null): OrchestratorConfig {
  const loaded = loadOrchestrator({ file, env: process.env, defaults: '{}' });
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
  const registry = new MetricRegistry();
  try {
    const audit = new AuditLog(state, config.audit.entriesMax, wallMs);
    const api = await startOrchestratorApi({
      address: config.api.address,
      version,
      logger: log,
      parts: {
        tokens: new TokenStore(state, directory.token, wallMs),
        audit,
        status: () => ({
          version,
          nodeVersion: process.version,
          pid: process.pid,
          startedAt,
          address: api.address,
          audit: audit.head,
          degraded: [],
        }),
        metrics: () => renderMetrics(registry.families, registry.samples()),
      },
    });
    directory.writeRunFile({ pid: process.pid, admin: api.address, startedAt, version });
    log.info({ api: api.address }, 'orchestrator ready');
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
        state.close();
        log.info('ended');
      },
    };
  } catch (error) {
    state.close();
    throw error;
  }
}

export async function runOrchestrator(options: {
  readonly configFile: string | null;
}): Promise<number> {
  const orchestrator = await startOrchestrator(loadOrchestratorChecked(options.configFile));
  const { statePath, token, tokenIsNew } = orchestrator;
  if (tokenIsNew)
    process.stderr.write(`token of the orchestrator (kept in ${statePath}/token): ${token}\n`);
  const ended = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve());
  await ended.promise;
  await orchestrator.close();
  return 0;
}
