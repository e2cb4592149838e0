/** The side of an upgrade that takes over; `#roles/takeover.ts` has the picture. */
import { describeError, WeirError } from '#core/errors.ts';
import { handleSignals, startEdge } from './edge.ts';
import type { FromSuccessor, ToSuccessor } from './takeover.ts';

export async function runSuccessor(): Promise<number> {
  const takeover = await next('takeover');
  // Without the old process there is nobody to take over from, and nobody who would know.
  const orphaned = () => process.exit(1);
  process.once('disconnect', orphaned);
  try {
    const edge = await startEdge(takeover.handover.origin, null, {
      ...takeover.handover,
      release: async () => {
        send({ kind: 'ready' });
        await next('released');
      },
    });
    process.off('disconnect', orphaned);
    handleSignals(edge, () => {});
    send({
      kind: 'live',
      live: {
        pid: process.pid,
        version: edge.version,
        sha256: edge.configSha256,
        workers: edge.workers,
      },
    });
    await edge.ended;
    return 0;
  } catch (error) {
    const details = error instanceof WeirError ? error.details : [];
    await new Promise<void>((resolve) => {
      const message: FromSuccessor = { kind: 'failed', reason: describeError(error), details };
      if (process.send === undefined || !process.connected) resolve();
      else process.send(message, undefined, undefined, () => resolve());
    });
    return 1;
  }
}

function next<K extends ToSuccessor['kind']>(
  kind: K,
): Promise<Extract<ToSuccessor, { readonly kind: K }>> {
  return new Promise((resolve) => {
    process.on('message', function onMessage(message) {
      if ((message as ToSuccessor).kind !== kind) return;
      process.off('message', onMessage);
      resolve(message as Extract<ToSuccessor, { readonly kind: K }>);
    });
  });
}

function send(message: FromSuccessor): void {
  if (process.connected) process.send?.(message);
}
