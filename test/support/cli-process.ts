/**
 * The command line as a process of its own, with roles that only print what they were asked for, so
 * that a test sees exit codes and streams as a shell does.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runCli } from '#cli/run.ts';

const thisFile = fileURLToPath(import.meta.url);

export type CliResult = {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export function runCliProcess(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [thisFile, ...argv], {
    cwd: options.cwd ?? process.cwd(),
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) =>
      resolve({
        exit,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
  });
}

if (process.argv[1] === thisFile) {
  const report = (role: string) => async (options: object) => {
    process.stdout.write(`${role} ${JSON.stringify(options)}\n`);
    return 0;
  };
  process.exitCode = await runCli(
    process.argv.slice(2),
    { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd() },
    {
      edge: report('edge'),
      demo: report('demo'),
      orchestrator: report('orchestrator'),
      fleetDemo: report('fleet demo'),
    },
  );
}
