/** A process of the fleet under the nemesis: started on its own host, killed with all it has started, stopped dead. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { endsWithUs, killGroup } from './process-group.ts';

const linesKept = 400;

export type NemesisProcessOptions = {
  readonly name: string;
  readonly command: () => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** In a line of its standard error. */
  readonly readyWords: string;
};

export class NemesisProcess {
  readonly name: string;
  /** What it said lately, over all its starts. */
  readonly lines: string[] = [];
  readonly #options: NemesisProcessOptions;
  #child: ChildProcess | null = null;
  #exit: Promise<unknown> = Promise.resolve();

  constructor(options: NemesisProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get isUp(): boolean {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  /** When it ends, by whatever. */
  get exit(): Promise<unknown> {
    return this.#exit;
  }

  /** Resolves when it says that it is ready; throws where it ends before. */
  async start(): Promise<void> {
    const { command, environment, readyWords, name } = this.#options;
    const [file = '', ...words] = command();
    const child = spawn(file, words, {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
      env: { ...process.env, ...environment },
    });
    this.#child = child;
    endsWithUs(child.pid as number);
    this.#exit = once(child, 'exit');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#say(`--- ${name} started as ${child.pid}`);
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.#say(line);
      if (line.includes(readyWords)) resolve();
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`${name} ended with ${code ?? signal}:\n${this.lines.join('\n')}`)),
    );
    await promise;
  }

  /** SIGKILL to it and all it has started. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    killGroup(child.pid as number);
    await this.#exit;
    this.#child = null;
  }

  pause(): void {
    process.kill(-(this.#child?.pid as number), 'SIGSTOP');
  }

  goOn(): void {
    process.kill(-(this.#child?.pid as number), 'SIGCONT');
  }

  /** Whether SIGSTOP has reached it. */
  get isPaused(): boolean {
    return /^State:\s*T/m.test(readFileSync(`/proc/${this.#child?.pid}/status`, 'utf8'));
  }

  #say(line: string): void {
    this.lines.push(line);
    if (this.lines.length > linesKept) this.lines.shift();
  }
}
