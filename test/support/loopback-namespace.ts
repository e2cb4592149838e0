/**
 * A network namespace of a test's own, with loopback up and addresses on it, so that real packets meet a real
 * packet filter and nothing outside sees either.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** Why there can be none here; under REQUIRE_ALL=1 that is a failure. */
export function needsNamespace(...commands: readonly string[]): string | false {
  const reason = reasonAgainst(['ip', ...commands]);
  if (reason !== null && process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  return reason ?? false;
}

function reasonAgainst(commands: readonly string[]): string | null {
  if (process.platform !== 'linux') return 'not Linux';
  for (const command of commands)
    if (spawnSync('which', [command]).status !== 0) return `${command} is not installed`;
  const name = `weir-probe-${randomBytes(4).toString('hex')}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `no network namespace: ${made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'delete', name]);
  return null;
}

export class NetworkNamespace {
  readonly name = `weir-test-${randomBytes(4).toString('hex')}`;
  readonly #children: ChildProcess[] = [];

  /** `addresses` stand on loopback beside 127.0.0.0/8 and ::1. */
  constructor(addresses: readonly string[] = []) {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.run('ip', ['link', 'set', 'lo', 'up']);
    for (const address of addresses) {
      const host = address.includes(':') ? `${address}/128` : `${address}/32`;
      this.run('ip', [
        'address',
        'add',
        host,
        'dev',
        'lo',
        ...(address.includes(':') ? ['nodad'] : []),
      ]);
    }
  }

  /** What it printed. Throws with what it said when it fails. */
  run(command: string, parameters: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...parameters], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Ends with the namespace. */
  start(command: string, parameters: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...parameters], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL');
    spawnSync('ip', ['netns', 'delete', this.name]);
  }
}
