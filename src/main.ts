/**
 * Picks a role and runs it. Roles are loaded when they are picked, so that `weir status` does not load a
 * proxy and a worker does not load a command line.
 */
import { enableCompileCache } from 'node:module';
import { isatty } from 'node:tty';

// What V8 made of the sources is kept beside them: a process is ready after less than half of the work. Nowhere else,
// as who can write there decides what runs; where this one may not, nothing is kept.
enableCompileCache(new URL('../build/compiled', import.meta.url).pathname);

if (process.argv[2] === 'worker' && process.send !== undefined) {
  const { runWorker } = await import('#roles/worker.ts');
  runWorker();
} else if (process.argv[2] === 'shield' && process.send !== undefined) {
  const { runShield } = await import('#roles/shield-process.ts');
  runShield();
} else if (process.argv[2] === 'successor' && process.send !== undefined) {
  const { runSuccessor } = await import('#roles/successor.ts');
  process.exitCode = await runSuccessor();
} else if (process.argv[2] === 'nft-agent' && process.env['WEIR_NFT_AGENT'] !== undefined) {
  const { runNftAgent } = await import('#roles/nft-agent.ts');
  process.exitCode = await runNftAgent();
} else {
  // `weir block list | head` closes the pipe early; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const { runCli } = await import('#cli/run.ts');
  const { demoConfig, demoDefaults } = await import('#roles/demo-config.ts');
  process.exitCode = await runCli(
    process.argv.slice(2),
    {
      stdout: process.stdout,
      stderr: process.stderr,
      // Only a terminal has keys; opening it where it is something else would keep the process.
      ...(isatty(0) ? { stdin: process.stdin } : {}),
      env: process.env,
      cwd: process.cwd(),
    },
    {
      edge: async (options) => (await import('#roles/edge.ts')).runEdge(options),
      orchestrator: async (options) =>
        (await import('#roles/orchestrator.ts')).runOrchestrator(options),
      demo: async (options) => (await import('#roles/demo.ts')).runDemo(options),
      fleetDemo: async (options) => (await import('#roles/fleet-demo.ts')).runFleetDemo(options),
      embeddedConfig: demoConfig(demoDefaults),
    },
  );
}
