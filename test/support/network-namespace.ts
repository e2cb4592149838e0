/**
 * Two network namespaces and a cable between them: client 10.77.0.1 and fd77::1, server 10.77.0.2 and
 * fd77::2. Everything is gone when it is disposed of, and what ran in them with it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';

export type Side = 'client' | 'server';

export const clientAddresses = ['10.77.0.1', 'fd77::1'] as const;
export const edgeAddresses = ['10.77.0.2', 'fd77::2'] as const;

export class NamespacePair implements AsyncDisposable {
  readonly #id = randomBytes(3).toString('hex');
  readonly #running = new Set<ChildProcess>();
  readonly addresses = { client: clientAddresses, server: edgeAddresses } as const;

  constructor(sysctls: Readonly<Record<string, string>> = {}) {
    const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });
    try {
      for (const side of ['client', 'server'] as const) ip('netns', 'add', this.namespace(side));
      ip(
        'link',
        'add',
        this.device('client'),
        'netns',
        this.namespace('client'),
        'type',
        'veth',
        'peer',
        'name',
        this.device('server'),
        'netns',
        this.namespace('server'),
      );
      for (const side of ['client', 'server'] as const) {
        const here = ['-n', this.namespace(side)];
        const [four, six] = this.addresses[side];
        ip(...here, 'addr', 'add', `${four}/24`, 'dev', this.device(side));
        ip(...here, '-6', 'addr', 'add', `${six}/64`, 'dev', this.device(side), 'nodad');
        ip(...here, 'link', 'set', 'lo', 'up');
        ip(...here, 'link', 'set', this.device(side), 'up');
      }
      ip('-n', this.namespace('server'), 'route', 'add', 'default', 'via', '10.77.0.1');
      for (const [name, value] of Object.entries(sysctls)) this.sysctl('server', name, value);
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  namespace(side: Side): string {
    return `weir-${this.#id}-${side}`;
  }

  device(side: Side): string {
    return `w${this.#id}${side[0]}`;
  }

  sysctl(side: Side, name: string, value: string): void {
    this.run(side, 'sysctl', '-qw', `${name}=${value}`);
  }

  /** Its output; throws where it ends with anything but 0. */
  run(side: Side, command: string, ...words: readonly string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.namespace(side), command, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    });
  }

  start(side: Side, command: string, ...words: readonly string[]): TalkingProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace(side), command, ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#running.add(child);
    return new TalkingProcess(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    this.#remove();
  }

  #remove(): void {
    for (const side of ['client', 'server'] as const) {
      try {
        execFileSync('ip', ['netns', 'del', this.namespace(side)], { stdio: 'ignore' });
      } catch {
        // It was never made.
      }
    }
  }
}

/** A process that answers each line with one line of JSON. */
export class TalkingProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #iterator: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('no output');
    this.#lines = createInterface({ input: child.stdout });
    this.#iterator = this.#lines[Symbol.asyncIterator]();
  }

  async next(): Promise<unknown> {
    const { value, done } = await this.#iterator.next();
    if (done === true) throw new Error('the process ended without an answer');
    return JSON.parse(value);
  }

  ask(line: string): Promise<unknown> {
    this.#child.stdin?.write(`${line}\n`);
    return this.next();
  }

  /** What it says last, once it has no more to hear. */
  async finish(): Promise<unknown> {
    this.#child.stdin?.end();
    return this.next();
  }

  /** For one that says nothing until all is said. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await once(this.#child, 'exit');
  }
}
