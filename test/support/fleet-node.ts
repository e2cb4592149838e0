/** A member of a fleet without an edge around it: `FleetNode` over a real bus, enforcing into a map. */
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DecisionLog } from '#decisions/decision-log.ts';
import { readTrust } from '#decisions/trust.ts';
import { Bus } from '#fleet/bus.ts';
import type { Command } from '#fleet/command.ts';
import { FleetNode } from '#fleet/fleet-node.ts';
import { FleetState } from '#fleet/fleet-state.ts';
import { inboxPrefix } from '#fleet/subjects.ts';
import { createLog } from '#telemetry/log.ts';
import type { FleetFolder } from './fleet-folder.ts';

export type TestMember = AsyncDisposable & {
  readonly node: FleetNode;
  readonly bus: Bus;
  readonly log: DecisionLog;
  readonly enforced: Map<string, string>;
  readonly commands: Command[];
  readonly degraded: Map<string, string>;
  /** Stops, keeping the state for the next of this folder. */
  stop(): Promise<void>;
};

export function startMember(
  fleet: FleetFolder,
  id: string,
  options: {
    readonly directory?: string;
    readonly digestMs?: number;
    readonly skewMs?: number;
  } = {},
): TestMember {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'weir-member-'));
  const now = () => Date.now() + (options.skewMs ?? 0);
  const logger = createLog('error', id);
  const trust = readTrust(join(fleet.folder, id, 'trust.json'));
  const privateKey = createPrivateKey(readFileSync(join(fleet.folder, id, 'signing.key')));
  const log = DecisionLog.open(
    { directory, trust, self: { id, privateKey }, protected: [] },
    now(),
  );
  const bus = new Bus({
    servers: [fleet.server.url],
    name: id,
    inboxPrefix: inboxPrefix(id),
    credentials: { kind: 'nkey', seed: fleet.seed(id), user: id },
    tls: null,
    log: logger,
    limits: { redialMinMs: 10, redialMaxMs: 50 },
  });
  const enforced = new Map<string, string>();
  for (const { target, action } of log.enforced.all()) enforced.set(target, action);
  const commands: Command[] = [];
  const degraded = new Map<string, string>();
  let version = 0;
  const node = new FleetNode({
    fleet: trust.fleet,
    ...{ trust, log, bus, logger, now },
    state: FleetState.open(directory),
    enforce: async ({ add, remove }) => {
      for (const { target, action } of add) enforced.set(target, action);
      for (const target of remove) enforced.delete(target);
      return { version: ++version, workers: 1, kernel: false };
    },
    facts: {
      hello: () => ({
        ...{ addresses: [], region: null, tags: [], version: '0', modules: {} },
        ...{ shield: 'accept', startedAtMs: now(), admin: '' },
      }),
      beat: async () => ({ state: 'ready', metrics: {}, rules: '0'.repeat(64), degraded: [] }),
    },
    obey: async (command) => {
      commands.push(command);
    },
    digestMs: options.digestMs ?? 60_000,
    setDegraded: (part, reason) => {
      if (reason === null) degraded.delete(part);
      else degraded.set(part, reason);
    },
  });
  node.start();
  let isStopped = false;
  const stop = async () => {
    if (isStopped) return;
    isStopped = true;
    await node.close();
    log.close();
  };
  return {
    ...{ node, bus, log, enforced, commands, degraded, stop },
    [Symbol.asyncDispose]: async () => {
      await stop();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const block = (target: string, action: 'drop' | 'monitor' | 'clear' = 'drop') => ({
  target,
  action,
  expiresAtMs: Date.now() + 3_600_000,
  reason: 'test',
  origin: 'operator',
});
