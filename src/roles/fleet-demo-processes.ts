/**
 * The processes of `weir fleet demo`: each leads a group of its own, so that Ctrl-C of the terminal reaches the
 * demo alone, which then ends them in the order that is a planned end to all of them.
 *
 * None outlives the demo, whatever ends it: a shell holds the end of a pipe from it and the groups' numbers,
 * and kills them when that pipe closes before it was told that all are gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WeirError } from '#core/errors.ts';

/** On a busy machine; an edge starts in a second. */
const startMsMax = 60_000;
/** What a process gets to end by itself. */
const endMsMax = 10_000;
/** Last words of a process that did not start. */
const wordsMax = 8;
const guard =
  'trap "" INT TERM HUP; g=""; while read -r p; do g="$g -$p"; done; [ -z "$g" ] || kill -s KILL -- $g';

export type ProcessPlan = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its working directory; what it says goes to `NAME.log` there. */
  readonly folder: string;
  /** Of a line it says. */
  readonly isReady: (line: string) => boolean;
};

type Started = { readonly child: ChildProcess; readonly exit: Promise<void> };

export class FleetDemoProcesses {
  readonly #started = new Map<string, Started>();
  readonly #guard = spawn('sh', ['-c', guard], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  #isEnding = false;

  /** Resolves with the line by which it said that it is ready. Throws FLEET_DEMO_FAILED with its last words. */
  async start({ name, command, args, folder, isReady }: ProcessPlan): Promise<string> {
    if (this.#isEnding) throw new WeirError('SHUTTING_DOWN', 'the demo is ending');
    const child = spawn(command, [...args], {
      cwd: folder,
      env: ownEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    const words: string[] = [];
    const ready = Promise.withResolvers<string>();
    // A rejection may come before anybody waits for it.
    ready.promise.catch(() => {});
    const fail = (what: string) =>
      ready.reject(new WeirError('FLEET_DEMO_FAILED', `${name} ${what}`, { details: words }));
    child.on('error', (error) => fail(`could not be run: ${error.message}`));
    const exit = new Promise<void>((resolve) => {
      child.on('exit', (code, signal) => {
        // Its last words may still be in the pipe.
        setImmediate(() => fail(`ended with ${signal ?? code} while it started`));
        resolve();
      });
      child.on('error', () => resolve());
    });
    if (child.pid !== undefined) {
      this.#guard.stdin?.write(`${child.pid}\n`);
      this.#started.set(name, { child, exit });
    }
    const logFile = join(folder, `${name}.log`);
    createInterface({ input: child.stderr }).on('line', (line) => {
      appendFileSync(logFile, `${line}\n`);
      words.push(line.slice(0, 300));
      if (words.length > wordsMax) words.shift();
      if (isReady(line)) ready.resolve(line);
    });
    const late = setTimeout(() => fail(`is not ready after ${startMsMax / 1_000} s`), startMsMax);
    return ready.promise.finally(() => clearTimeout(late));
  }

  isRunning(name: string): boolean {
    const child = this.#started.get(name)?.child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Ends what was started, last group first, those of a group together; all are gone when it resolves. */
  async end(groups: readonly (readonly string[])[]): Promise<void> {
    this.#isEnding = true;
    for (const names of groups) await Promise.all(names.map((name) => this.#end(name)));
    if (this.#guard.exitCode === null) {
      const gone = once(this.#guard, 'exit');
      this.#guard.kill('SIGKILL');
      await gone;
    }
  }

  /** No more time for anybody. */
  killAll(): void {
    for (const { child } of this.#started.values()) signalGroup(child, 'SIGKILL');
  }

  async #end(name: string): Promise<void> {
    const found = this.#started.get(name);
    if (found === undefined) return;
    const { child, exit } = found;
    if (this.isRunning(name)) child.kill('SIGTERM');
    const late = setTimeout(() => signalGroup(child, 'SIGKILL'), endMsMax);
    await exit;
    clearTimeout(late);
    // Whatever it started ends with it.
    signalGroup(child, 'SIGKILL');
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What is set for a node of this machine is not for the demo's. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_')),
  );
}
