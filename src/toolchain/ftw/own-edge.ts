/**
 * An edge of the run's own: `weir edge` as it ships, in a process of its own, on a port the system picks,
 * with the rules under test before an origin that does as the tests presume.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WeirError } from '#core/errors.ts';
import { findRuleFolder, sourcesOf } from '#waf/language/rule-files.ts';
import { diskReader } from '#waf/language/rule-reader.ts';
import type { ExchangeTarget } from './exchange.ts';
import { startReflectingOrigin } from './reflecting-origin.ts';
import { testSetup } from './test-setup.ts';

export type OwnEdge = AsyncDisposable & {
  readonly target: ExchangeTarget;
  readonly logFile: string;
};

/** A full compile of the Core Rule Set takes seconds, on a machine that is busy many of them. */
const readyTimeoutMs = 300_000;
const endTimeoutMs = 15_000;
const logLinesKept = 20;

const mainFile = fileURLToPath(new URL('../../main.ts', import.meta.url));

export async function startOwnEdge(rulesFolder: string): Promise<OwnEdge> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-ftw-'));
  const origin = await startReflectingOrigin();
  const logFile = join(folder, 'matches.log');
  const config = join(folder, 'edge.yaml');
  const rules = rulePaths(rulesFolder, folder);
  writeFileSync(config, JSON.stringify(edgeConfig(rules, origin.port, logFile, folder), null, 1));
  const child = spawn(process.execPath, [mainFile, 'edge', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const end = async (): Promise<void> => {
    await endProcess(child);
    await origin[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  // Ctrl-C reaches this process alone, as the edge leads a group of its own.
  const endWithUs = (): void => endGroup(child, 'SIGTERM');
  process.once('exit', endWithUs);
  try {
    const port = await readyPort(child);
    return {
      target: { host: '127.0.0.1', port },
      logFile,
      async [Symbol.asyncDispose]() {
        process.off('exit', endWithUs);
        await end();
      },
    };
  } catch (error) {
    process.off('exit', endWithUs);
    await end();
    throw error;
  }
}

/** In load order; the setup of the tests stands behind that of the rules. */
function rulePaths(rulesFolder: string, folder: string): readonly string[] {
  const found = findRuleFolder(rulesFolder, diskReader);
  if (found === null) throw new WeirError('RULES_UNREADABLE', `${rulesFolder} holds no rules`);
  const shipped = join(rulesFolder, 'engine/ftw-setup.conf');
  const setup = existsSync(shipped) ? shipped : join(folder, 'test-setup.conf');
  if (setup !== shipped) writeFileSync(setup, testSetup);
  const sources = sourcesOf(found, { afterSetup: [{ kind: 'file', path: setup }] });
  return sources.map((source, index) => {
    if (source.kind === 'file') return source.path;
    const file = join(folder, `added-${index}.conf`);
    writeFileSync(file, source.text, 'latin1');
    return file;
  });
}

/**
 * Bounds are out of the way where tests go beyond them. The listener does as Apache does, which the tests presume: a
 * request with two lengths goes on without the one (RFC 9112 section 6.3), CONNECT goes on to the origin, and a client
 * of HTTP/0.9 gets no status line.
 */
function edgeConfig(
  rules: readonly string[],
  originPort: number,
  matchLog: string,
  folder: string,
): object {
  return {
    edge: {
      workers: 1,
      listeners: [
        {
          address: '127.0.0.1:0',
          plaintext: true,
          lengthWithChunked: 'drop',
          connect: 'tunnel',
          withoutVersion: 'close',
        },
      ],
      limits: {
        headBytesMax: 262_144,
        urlBytesMax: 65_536,
        headersMax: 1_000,
        parametersMax: 10_000,
        parameterBytesMax: 65_536,
        connectionsPerSecondMax: 1_000_000,
        shedAtLoopDelayMs: 60_000,
      },
    },
    upstreams: { origin: { servers: [{ url: `http://127.0.0.1:${originPort}` }] } },
    routes: [{ upstream: 'origin', waf: { mode: 'block', rules: ['tested'] } }],
    waf: { matchLog, rules: { tested: { seclang: rules } } },
    // Tests read what matched, and nothing of it is anybody's secret.
    accessLog: { to: join(folder, 'access.log'), redact: [] },
    admin: { address: '127.0.0.1:0' },
    state: join(folder, 'state'),
  };
}

async function readyPort(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const last: string[] = [];
  const fail = (why: string): void => {
    reject(new WeirError('TESTS_FAILED', `the edge did not start: ${why}`, { details: last }));
  };
  const timer = setTimeout(() => fail(`not ready in ${readyTimeoutMs / 1_000} s`), readyTimeoutMs);
  child.once('exit', (code) => fail(`it ended with ${code}`));
  if (child.stderr === null) throw new Error('stderr is piped');
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line);
    if (last.length > logLinesKept) last.shift();
    const port = portOf(line);
    if (port !== null) resolve(port);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function portOf(line: string): number | null {
  if (!line.startsWith('{') || !line.includes('"edge ready"')) return null;
  const { addresses } = JSON.parse(line) as { readonly addresses?: readonly string[] };
  const port = /:([0-9]+)$/.exec(addresses?.[0] ?? '')?.[1];
  return port === undefined ? null : Number(port);
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => endGroup(child, 'SIGKILL'), endTimeoutMs);
  await exited;
  clearTimeout(timer);
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // It is gone.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
