/**
 * `weir upgrade`: another process takes over, from the program that stands on disk now, and this one drains. All or
 * nothing: until the successor says that it is live, everything it was given can be taken back.
 *
 * The fleet is left before the stores close and joined again by whoever opens them: two processes are never
 * one member at a time.
 */
import type { DrainAnswer, NodeState, UpgradeAnswer } from '#admin/control.ts';
import { describeError, WeirError } from '#core/errors.ts';
import type { EdgeNodeOptions } from './edge-node.ts';
import type { BlockItem } from './ipc.ts';
import type { NodeStores } from './node-stores.ts';
import { Successor } from './takeover.ts';

export type UpgradeHost = Pick<
  EdgeNodeOptions,
  | 'sockets'
  | 'supervisor'
  | 'certificates'
  | 'log'
  | 'origin'
  | 'entry'
  | 'takeBack'
  | 'shield'
  | 'fleet'
> & {
  readonly state: () => NodeState;
  readonly setState: (state: NodeState) => void;
  readonly blockItems: () => { version: number; items: BlockItem[] };
  readonly closeStores: () => Promise<void>;
  readonly reopen: (stores: NodeStores) => void;
  readonly stopListening: () => void;
  readonly end: () => Promise<DrainAnswer>;
};

export async function upgradeNode(host: UpgradeHost): Promise<UpgradeAnswer> {
  const { sockets, supervisor, certificates, log, origin, entry, takeBack, shield, fleet } = host;
  if (sockets.edge === null || sockets.admin === null) {
    throw new WeirError(
      'UPGRADE_UNAVAILABLE',
      `this node cannot hand its sockets on: ${sockets.reason}`,
    );
  }
  if (origin.file === null)
    throw new WeirError('UPGRADE_UNAVAILABLE', 'the demo has no configuration file to start from');
  if (host.state() !== 'ready')
    throw new WeirError('SHUTTING_DOWN', 'the node is draining and takes no changes');
  const startedAt = performance.now();
  host.setState('upgrading');
  // Two processes with one account would undo each other's orders; the successor takes them up.
  void certificates.close();
  try {
    const successor = await Successor.start(entry, {
      origin,
      pid: process.pid,
      listeners: sockets.edge.listeners,
      admin: sockets.admin.listeners,
      ticketKeys: supervisor.ticketKeys,
      blocks: host.blockItems(),
      kernel: shield.handover,
      rulesLeft: shield.rulesLeft,
      shared: supervisor.shared,
    });
    if (host.state() === 'draining') {
      // Who said so did not mean that the service goes on in another process.
      successor.kill();
      throw new WeirError(
        'SHUTTING_DOWN',
        'the node was told to end while the new process started',
      );
    }
    await shield.release();
    await host.closeStores();
    const live = await successor.goLive().catch(async (error: unknown) => {
      await shield.takeBack();
      const stores = takeBack();
      host.reopen(stores);
      await fleet.open(stores.fleet);
      throw error;
    });
    const tookMs = Math.round(performance.now() - startedAt);
    log.info({ successor: live.pid, version: live.version, tookMs }, 'successor is live');
    // One that is started again here would bring back the lists of now.
    shield.close();
    host.stopListening();
    const { openConnections, deadline } = await host.end();
    return { ...live, tookMs, drains: { pid: process.pid, openConnections, deadline } };
  } catch (error) {
    if (host.state() === 'upgrading') {
      host.setState('ready');
      certificates.start();
    }
    log.error({ reason: describeError(error) }, 'upgrade failed, this process stays');
    throw error;
  }
}
