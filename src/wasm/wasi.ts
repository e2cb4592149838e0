/**
 * WASI preview 1, as much of it as a guest inside a proxy may have: it can print (to the log), ask the
 * time, get random bytes and read the environment that its configuration gives it. There are no files,
 * no sockets, no arguments and no sleep: those calls exist, because compilers import them whether the
 * program uses them or not, and answer that they cannot.
 *
 * Guests hand over addresses and lengths of their own making. Each is checked against the memory as it
 * is at that moment, and a wrong one is answered with FAULT: nothing here throws but `proc_exit`.
 */
import { randomFillSync } from 'node:crypto';
import { GuestFailure } from './guest-failure.ts';
import type { GuestMemory } from './guest-memory.ts';

/** The same calls under the name they have now and the one they had in 2019. */
export const wasiModules = ['wasi_snapshot_preview1', 'wasi_unstable'] as const;

export type WasiHost = {
  /** Null while the start function of the module runs: the instance is not there yet. */
  readonly memory: () => GuestMemory | null;
  /** A line the guest printed, without its end; descriptor 1 is standard output, 2 standard error. */
  readonly print: (descriptor: 1 | 2, line: string) => void;
  /** Before a call's work is done, with the bytes it moves; throws `GuestFailure` when a bound is reached. */
  readonly spend: (bytes: number) => void;
  readonly wallNanoseconds: () => bigint;
  readonly monotonicNanoseconds: () => bigint;
  /** `NAME=value` each. */
  readonly environment: readonly string[];
};

export type Wasi = {
  /** The members of both import modules. */
  readonly imports: Readonly<Record<string, (...parameters: never[]) => number>>;
  /** Prints what came without the end of a line; after each call into the guest. */
  readonly flush: () => void;
};

/** A longer line is printed in pieces. */
export const printedLineBytesMax = 4_096;
/** Pieces of one `fd_write`; libc writes two. */
export const iovecsMax = 64;
/** `random_get` fills no more at once; guests ask for a seed or a key. */
export const randomBytesMax = 65_536;

const errno = { success: 0, badf: 8, fault: 21, inval: 28, nosys: 52, spipe: 70 } as const;
const characterDevice = 2;

export function wasi(host: WasiHost): Wasi {
  const output = new Output(host.print);
  const environment = host.environment.map((text) => Buffer.from(`${text}\0`));
  const environmentBytes = environment.reduce((bytes, text) => bytes + text.length, 0);

  /** The memory, if all of `length` bytes at `at` are in it. */
  const at = (address: number, length: number): Buffer | null => {
    const memory = host.memory();
    if (memory === null) return null;
    memory.refresh();
    return (address >>> 0) + length <= memory.bytes.length ? memory.bytes : null;
  };
  const writeWords = (...pairs: readonly (readonly [address: number, value: number])[]): number => {
    for (const [address, value] of pairs) {
      const bytes = at(address, 4);
      if (bytes === null) return errno.fault;
      bytes.writeUInt32LE(value, address >>> 0);
    }
    return errno.success;
  };
  const writeWord64 = (address: number, value: bigint): number => {
    const bytes = at(address, 8);
    if (bytes === null) return errno.fault;
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value), address >>> 0);
    return errno.success;
  };

  const imports = {
    ...unsupported,
    args_sizes_get: (count: number, bytes: number) => writeWords([count, 0], [bytes, 0]),
    args_get: () => errno.success,
    environ_sizes_get: (count: number, bytes: number) =>
      writeWords([count, environment.length], [bytes, environmentBytes]),
    environ_get(table: number, texts: number): number {
      const bytes = at(texts, environmentBytes);
      if (bytes === null || at(table, environment.length * 4) === null) return errno.fault;
      let word = table >>> 0;
      let text = texts >>> 0;
      for (const entry of environment) {
        bytes.writeUInt32LE(text, word);
        entry.copy(bytes, text);
        word += 4;
        text += entry.length;
      }
      return errno.success;
    },
    clock_res_get: (_clock: number, into: number) => writeWord64(into, 1_000n),
    clock_time_get(clock: number, _precision: bigint, into: number): number {
      if (clock === 0) return writeWord64(into, host.wallNanoseconds());
      // Time of the process and of the thread are asked for by allocators only; any rising clock will do.
      if (clock >= 1 && clock <= 3) return writeWord64(into, host.monotonicNanoseconds());
      return errno.inval;
    },
    random_get(into: number, length: number): number {
      const size = length >>> 0;
      if (size > randomBytesMax) return errno.inval;
      host.spend(size);
      const bytes = at(into, size);
      if (bytes === null) return errno.fault;
      randomFillSync(bytes, into >>> 0, size);
      return errno.success;
    },
    fd_write(descriptor: number, vectors: number, count: number, written: number): number {
      if (descriptor !== 1 && descriptor !== 2) return errno.badf;
      if (count >>> 0 > iovecsMax) return errno.inval;
      const bytes = at(vectors, (count >>> 0) * 8);
      if (bytes === null) return errno.fault;
      let total = 0;
      for (let i = 0, word = vectors >>> 0; i < count; i++, word += 8) {
        const start = bytes.readUInt32LE(word);
        const length = bytes.readUInt32LE(word + 4);
        if (start + length > bytes.length) return errno.fault;
        host.spend(length);
        output.write(descriptor, bytes, start, start + length);
        total += length;
      }
      return writeWords([written, total]);
    },
    fd_fdstat_get(descriptor: number, into: number): number {
      if (descriptor >>> 0 > 2) return errno.badf;
      const bytes = at(into, 24);
      if (bytes === null) return errno.fault;
      bytes.fill(0, into >>> 0, (into >>> 0) + 24);
      bytes[into >>> 0] = characterDevice;
      return errno.success;
    },
    fd_fdstat_set_flags: (descriptor: number) => standardOnly(descriptor),
    fd_close: (descriptor: number) => standardOnly(descriptor),
    fd_seek: (descriptor: number) => (descriptor >>> 0 > 2 ? errno.badf : errno.spipe),
    /** Standard input has ended before it began. */
    fd_read: (descriptor: number, _vectors: number, _count: number, read: number) =>
      descriptor === 0 ? writeWords([read, 0]) : errno.badf,
    // BADF on the first one is how a libc learns that no folder was opened for it.
    fd_prestat_get: () => errno.badf,
    fd_prestat_dir_name: () => errno.badf,
    sched_yield: () => errno.success,
    proc_exit(code: number): never {
      output.flush();
      throw new GuestFailure('abort', `the module ended itself with proc_exit(${code >>> 0})`);
    },
  };
  return { imports, flush: () => output.flush() };
}

/** Whether a module may import `name` from one of `wasiModules`. */
export function isWasiFunction(name: string): boolean {
  return wasiNames.has(name);
}

function standardOnly(descriptor: number): number {
  return descriptor >>> 0 > 2 ? errno.badf : errno.success;
}

/** Printed text cut into lines; what a guest prints without an end of line is bounded. */
class Output {
  readonly #print: WasiHost['print'];
  readonly #rest: Record<1 | 2, string> = { 1: '', 2: '' };

  constructor(print: WasiHost['print']) {
    this.#print = print;
  }

  write(descriptor: 1 | 2, bytes: Buffer, start: number, end: number): void {
    for (let from = start; from < end; ) {
      const newline = bytes.subarray(from, end).indexOf(0x0a);
      const lineEnd = newline < 0 ? end : from + newline;
      const room = printedLineBytesMax - this.#rest[descriptor].length;
      const to = Math.min(lineEnd, from + room);
      this.#rest[descriptor] += bytes.toString('utf8', from, to);
      const isWhole = newline >= 0 && to === lineEnd;
      if (isWhole || this.#rest[descriptor].length >= printedLineBytesMax) this.#end(descriptor);
      from = isWhole ? to + 1 : to;
    }
  }

  flush(): void {
    this.#end(1);
    this.#end(2);
  }

  #end(descriptor: 1 | 2): void {
    const line = this.#rest[descriptor];
    this.#rest[descriptor] = '';
    if (line !== '') this.#print(descriptor, line);
  }
}

const unsupportedNames = [
  'fd_advise',
  'fd_allocate',
  'fd_datasync',
  'fd_fdstat_set_rights',
  'fd_filestat_get',
  'fd_filestat_set_size',
  'fd_filestat_set_times',
  'fd_pread',
  'fd_pwrite',
  'fd_readdir',
  'fd_renumber',
  'fd_sync',
  'fd_tell',
  'path_create_directory',
  'path_filestat_get',
  'path_filestat_set_times',
  'path_link',
  'path_open',
  'path_readlink',
  'path_remove_directory',
  'path_rename',
  'path_symlink',
  'path_unlink_file',
  // A guest that waited would hold every connection of the worker.
  'poll_oneoff',
  'proc_raise',
  'sock_accept',
  'sock_recv',
  'sock_send',
  'sock_shutdown',
] as const;

const unsupported = Object.fromEntries(unsupportedNames.map((name) => [name, () => errno.nosys]));

const wasiNames: ReadonlySet<string> = new Set(
  Object.keys(
    wasi({
      memory: () => null,
      print: () => undefined,
      spend: () => undefined,
      wallNanoseconds: () => 0n,
      monotonicNanoseconds: () => 0n,
      environment: [],
    }).imports,
  ),
);
