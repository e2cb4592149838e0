/**
 * Keeps the nftables agent of a node running: the node has no right to start it again, this process has.
 *
 * ```
 * launch ─► keeper (CAP_NET_ADMIN, reads nothing) ─► agent (CAP_NET_ADMIN, the channel)
 *                 └──── killed? another one on the same channel, which asks the node to say all again
 * ```
 *
 * An agent that ends by itself has done so for good: its channel is closed, or it was told what is no order. One that
 * is killed over and over is given up, and the node says so. If the keeper is killed, the agent goes on without it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

const againMs = 200;
/** Within a minute; with more of them something is after it. */
const deathsMax = 20;
const minuteMs = 60_000;

/** Exit code. `environment` is for an agent that comes first, or after another. */
export async function keepAgent(
  channel: number,
  environment: (isAgain: boolean) => NodeJS.ProcessEnv,
): Promise<number> {
  const deaths: number[] = [];
  for (;;) {
    const agent = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      // Its standard input ends with us.
      stdio: ['pipe', 'ignore', 'inherit', channel],
      env: environment(deaths.length > 0),
    });
    agent.stdin?.on('error', () => {});
    const [code, signal] = (await once(agent, 'exit')) as [number | null, string | null];
    if (signal === null) return code ?? 1;
    const now = performance.now();
    deaths.push(now);
    const late = deaths.filter((at) => now - at < minuteMs).length;
    process.stderr.write(`nftables agent: ended by ${signal}\n`);
    if (late > deathsMax) return 1;
    await wait(againMs);
  }
}
