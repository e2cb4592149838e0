/**
 * Starts the process that keeps the nftables table, in the part of the start that has rights.
 *
 * ```
 * launch ─► nft -c: may we, and does this kernel?   ─► a socket pair ─► nft-agent: CAP_NET_ADMIN alone
 *             no: the reason, step accept                 │
 *                                                         └─ the other end lives through execve and upgrades
 * ```
 *
 * The agent lives as long as anybody holds the other end, and takes its table with it: nothing is left of a
 * node that was killed. A node that has given its rights up cannot start it again, so it has a keeper, which can.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '#config/schema.ts';
import { describeError } from '#core/errors.ts';
import { nftArguments, nftProblem, nftSearchPath } from '#synproxy/nft/nft-command.ts';
import { openTable, programText } from '#synproxy/nft/nft-program.ts';
import { agentVariable } from './nft-agent.ts';
import { type Account, socketPair } from './privileges.ts';

export type NftHandover = {
  /** Our end of the socket pair. */
  readonly channel: number;
  readonly pid: number;
  readonly table: string;
  /** What the table holds, by the process that hands over; null before it was filled, or where that is unknown. */
  readonly allowed: readonly string[] | null;
  /** Of the rules in the table; a process from before says none, and none are there. */
  readonly rulesVersion?: number | null;
};

/** The reason, where it cannot be. */
export function startNft(config: Config, account: Account | null): NftHandover | string {
  const table = tableOf(config);
  try {
    const refused = probe(table);
    if (refused !== null) return refused;
    const [channel, agentEnd] = socketPair();
    const entry = new URL('../main.ts', import.meta.url).pathname;
    const agent = spawn(process.execPath, [...process.execArgv, entry, 'nft-agent'], {
      // Its own process group: what ends the node's terminal job leaves it to end when the node has.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', agentEnd],
      env: {
        PATH: nftSearchPath(process.env),
        [agentVariable]: JSON.stringify({ account, table }),
      },
    });
    agent.on('error', () => {});
    agent.unref();
    closeSync(agentEnd);
    if (agent.pid === undefined) return 'its process cannot be started';
    return { channel, pid: agent.pid, table, allowed: null };
  } catch (error) {
    return describeError(error);
  }
}

/** One for each node of a machine, and the same after a restart: what was left behind is found again. */
const tableOf = ({ state }: Config): string =>
  `weir-${createHash('sha256').update(resolve(state)).digest('hex').slice(0, 12)}`;

/** A dry run of the whole table: nft and the kernel say what they miss, and nothing is changed. */
function probe(table: string): string | null {
  const [program, ...words] = nftArguments(['nft'], ['-c']);
  const run = spawnSync(program, words, {
    input: programText(openTable(table, [])),
    encoding: 'utf8',
    timeout: 10_000,
    env: { PATH: nftSearchPath(process.env) },
  });
  if (run.error !== undefined) return describeError(run.error);
  return run.status === 0 ? null : nftProblem(run.status ?? run.signal, run.stderr);
}
