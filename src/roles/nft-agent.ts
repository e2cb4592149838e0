/**
 * The processes that keep the nftables table of a node: the only ones with a capability, CAP_NET_ADMIN, and they
 * see no byte of a client. They live as long as their channel, whatever signal the rest of the node gets: one has the
 * table, and one starts it again when it is killed (`nft-keeper.ts`).
 *
 * It comes with the rights of who starts it, and executes itself anew without all but the one: only execve(2)
 * reaches every thread (`privileges.ts`).
 */
import { Socket } from 'node:net';
import { describeError, WeirError } from '#core/errors.ts';
import { NftAgent } from '#synproxy/nft/nft-agent.ts';
import { elementReader } from '#synproxy/nft/nft-elements.ts';
import { keepAgent } from './nft-keeper.ts';
import { type Account, closeOnExec, keepNetAdmin } from './privileges.ts';

/** Beside the standard ones. */
const agentDescriptor = 3;
/** Not a configuration key: it never leaves these processes. */
export const agentVariable = 'WEIR_NFT_AGENT';

type AgentTerms = {
  readonly account: Account | null;
  readonly table: string;
  /** Having let go of all other rights, a keeper; then an agent, or one in the place of another. */
  readonly is?: 'keeper' | 'agent' | 'agent again';
};

/** Exit code of the process. */
export async function runNftAgent(): Promise<number> {
  const terms = JSON.parse(process.env[agentVariable] ?? '{}') as AgentTerms;
  try {
    if (terms.is === undefined) becomeAgent(terms);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
    closeOnExec(agentDescriptor, true);
    if (terms.is === 'keeper')
      return await keepAgent(agentDescriptor, (isAgain) =>
        environment({ ...terms, is: isAgain ? 'agent again' : 'agent' }),
      );
    process.stdin.resume().on('end', () => {
      process.stderr.write('nftables agent: its keeper has ended, it goes on without one\n');
    });
    process.stdin.unref?.();
    const channel = new Socket({ fd: agentDescriptor, readable: true, writable: true });
    // A node that died with a report on its way: the channel ends, and so do we.
    channel.on('error', () => {});
    const left = terms.is === 'agent again' ? terms.table : null;
    await new NftAgent(channel, { command: ['nft'], left, elements: elementReader() }).run();
    return 0;
  } catch (error) {
    process.stderr.write(`nftables agent: ${describeError(error)}\n`);
    return 1;
  }
}

function environment(terms: AgentTerms): NodeJS.ProcessEnv {
  return { ...process.env, [agentVariable]: JSON.stringify(terms) };
}

function becomeAgent(terms: AgentTerms): never {
  keepNetAdmin(terms.account);
  closeOnExec(agentDescriptor, false);
  process.execve?.(
    process.execPath,
    [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    // As it was started: nothing of the node's own environment is there.
    environment({ ...terms, account: null, is: 'keeper' }) as Record<string, string>,
  );
  throw new WeirError('PRIVILEGES_KEPT', `this Node (${process.version}) cannot execute itself`);
}
