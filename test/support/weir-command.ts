/** The command line in this process, with what it prints: for commands that speak to a running node. */
import { runCli } from '#cli/run.ts';
import type { CliResult } from './cli-process.ts';

export async function runWeir(state: string, argv: readonly string[]): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const no = async (): Promise<number> => {
    throw new Error('no role is run here');
  };
  const exit = await runCli(
    argv,
    {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      env: { WEIR_STATE: state },
      cwd: process.cwd(),
    },
    { edge: no, demo: no, orchestrator: no, fleetDemo: no },
  );
  return { exit, stdout, stderr };
}
