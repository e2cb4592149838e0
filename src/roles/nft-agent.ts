/**
 * The process that keeps the nftables table of a node: the only one with a capability, CAP_NET_ADMIN, and it
 * sees no byte of a client. It lives as long as its channel, whatever signal the rest of the node gets.
 *
 * It comes with the rights of who starts it, and executes itself anew without all but the one: only execve(2)
 * reaches every thread (`privileges.ts`).
 */
import { Socket } from 'node:net';
import { describeError, WeirError } from '#core/errors.ts';
import { NftAgent } from '#synproxy/nft/nft-agent.ts';
import { type Account, closeOnExec, keepNetAdmin } from './privileges.ts';

/** Beside the standard ones. */
const agentDescriptor = 3;
/** Not a configuration key: it never leaves these processes. */
export const agentVariable = 'WEIR_NFT_AGENT';

/** Exit code of the process. */
export async function runNftAgent(): Promise<number> {
  const { account, isLimited } = JSON.parse(process.env[agentVariable] ?? '{}') as {
    readonly account: Account | null;
    readonly isLimited?: boolean;
  };
  try {
    if (isLimited !== true) becomeAgent(account);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
    closeOnExec(agentDescriptor, true);
    const channel = new Socket({ fd: agentDescriptor, readable: true, writable: true });
    // A node that died with a report on its way: the channel ends, and so do we.
    channel.on('error', () => {});
    await new NftAgent(channel, { command: ['nft'] }).run();
    return 0;
  } catch (error) {
    process.stderr.write(`nftables agent: ${describeError(error)}\n`);
    return 1;
  }
}

function becomeAgent(account: Account | null): never {
  keepNetAdmin(account);
  closeOnExec(agentDescriptor, false);
  process.execve?.(
    process.execPath,
    [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    { ...process.env, [agentVariable]: JSON.stringify({ account: null, isLimited: true }) },
  );
  throw new WeirError('PRIVILEGES_KEPT', `this Node (${process.version}) cannot execute itself`);
}
