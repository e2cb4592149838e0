/** The clock and the disk of a process under the nemesis (`nemesis-shim.c`): stepped, and cut from its power. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const source = new URL('nemesis-shim.c', import.meta.url).pathname;

/** The shared object, made in this folder. */
export function buildShim(folder: string): string {
  const made = join(folder, 'nemesis-shim.so');
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror'];
  execFileSync('clang', [...flags, '-o', made, source, '-ldl'], { stdio: 'pipe' });
  return made;
}

export type Loss = { readonly dropped: number; readonly kept: number };

export class ShimmedDisk {
  readonly state: string;
  readonly #image: string;
  readonly #clock: string;
  readonly #shim: string;
  #offsetMs = 0;

  /** `folder` holds the state directory, its image and the clock. */
  constructor(shim: string, folder: string) {
    this.#shim = shim;
    this.state = join(folder, 'state');
    this.#image = join(folder, 'image');
    this.#clock = join(folder, 'clock');
    mkdirSync(this.state, { recursive: true, mode: 0o700 });
    mkdirSync(join(this.#image, 'inodes'), { recursive: true });
    writeFileSync(this.#clock, Buffer.alloc(16));
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#shim,
      NEMESIS_CLOCK: this.#clock,
      NEMESIS_WATCH: this.state,
      NEMESIS_IMAGE: this.#image,
    };
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** The clock of whatever runs with it, from now on. */
  step(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    this.#write(0, BigInt(offsetMs) * 1_000_000n);
  }

  /** Whether the next sync is the end of the process that asks for it, before anything is synced. */
  dieAtSync(dies: boolean): void {
    this.#write(8, dies ? 1n : 0n);
  }

  /** In place: it is mapped. */
  #write(at: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    const file = openSync(this.#clock, 'r+');
    writeSync(file, bytes, 0, 8, at);
    closeSync(file);
  }

  /**
   * As after a power cut, of a process that is dead: each file is as it was synced last, or as it is now, as the
   * kernel had written it out by chance; so are the names. Counts files that lost something, or came to nothing.
   */
  cutPower(chance: () => number, keepShare: number): Loss {
    const live = this.#liveNames();
    const synced = this.#syncedNames();
    const names = chance() < keepShare ? live : synced;
    let dropped = [...live.keys()].filter((name) => !names.has(name)).length;
    let kept = 0;
    const left = new Map<string, Buffer>();
    for (const [name, key] of names) {
      const isLive = live.get(name) === key;
      const now = isLive ? readFileSync(join(this.state, name)) : null;
      const path = join(this.#image, 'inodes', key);
      const then = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
      const taken = now !== null && chance() < keepShare ? now : then;
      if (now === null || !taken.equals(now)) dropped++;
      else kept++;
      left.set(name, taken);
    }
    for (const name of live.keys()) rmSync(join(this.state, name));
    for (const [name, bytes] of left) writeFileSync(join(this.state, name), bytes, { mode: 0o600 });
    this.#settle();
    return { dropped, kept };
  }

  /** What is there now is what the disk has. */
  #settle(): void {
    const inodes = join(this.#image, 'inodes');
    rmSync(inodes, { recursive: true });
    mkdirSync(inodes);
    const lines: string[] = [];
    for (const [name, key] of this.#liveNames()) {
      copyFileSync(join(this.state, name), join(inodes, key));
      lines.push(`${name}\t${key}\n`);
    }
    writeFileSync(join(this.#image, 'names'), lines.join(''));
  }

  #liveNames(): Map<string, string> {
    const names = new Map<string, string>();
    for (const entry of readdirSync(this.state, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const { ino, birthtimeNs } = statSync(join(this.state, entry.name), { bigint: true });
      const nanoseconds = String(birthtimeNs % 1_000_000_000n).padStart(9, '0');
      names.set(entry.name, `${ino}-${birthtimeNs / 1_000_000_000n}${nanoseconds}`);
    }
    return names;
  }

  #syncedNames(): Map<string, string> {
    const path = join(this.#image, 'names');
    if (!existsSync(path)) return new Map();
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    return new Map(lines.map((line) => line.split('\t') as [string, string]));
  }
}
