/**
 * The recordings of a node: one file each in a folder that only its owner reads, and what is known of them.
 *
 * A file names the moment it was begun, so the newest is the last by name. What is written waits in memory, within a
 * bound, and a request that finds no room there is counted as dropped. The end has a fixed length: a file that has one says
 * in its last bytes how many requests it holds.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, WeirError } from '#core/errors.ts';
import { makePrivateFolder, removePrivateFile } from '#state/private-file.ts';
import {
  encodeBegin,
  encodeEnd,
  endFrameBytes,
  frameOverheadBytes,
  type RecordingBegin,
  type RecordingEnd,
  RecordingReader,
  readEndFrame,
  requestFrame,
} from './recording-format.ts';

const recordingFolder = 'recordings';
const suffix = '.weirrec';
const idPattern = /^[0-9]{8}-[0-9]{6}-[0-9a-f]{4}$/;
/** Kept at one time, and their bytes. */
export const recordingsMax = 20;
export const recordingBytesMax = 1_073_741_824;
/** Bytes that wait for the disk. */
const waitingBytesMax = 16 * 1_048_576;
/** A beginning is far shorter. */
const beginBytesMax = 1_048_576;

export type RecordingEntry = {
  readonly id: string;
  readonly bytes: number;
  readonly begin: RecordingBegin;
  /** Null where it is still under way, or was cut off. */
  readonly end: RecordingEnd | null;
};

export class RecordingStore {
  readonly #folder: string;

  constructor(statePath: string) {
    this.#folder = join(statePath, recordingFolder);
  }

  /** The newest first. Files that are none are left out. */
  async list(): Promise<RecordingEntry[]> {
    const entries: RecordingEntry[] = [];
    for (const id of await this.#ids()) {
      const entry = await readEntry(id, this.pathOf(id));
      if (entry !== null) entries.push(entry);
    }
    return entries;
  }

  /** `last` is the newest. Throws RECORDING_UNKNOWN. */
  async find(name: string): Promise<{ readonly id: string; readonly path: string }> {
    const ids = await this.#ids();
    const id = name === 'last' ? ids[0] : ids.find((one) => one === name);
    if (id !== undefined) return { id, path: this.pathOf(id) };
    const known =
      ids.length === 0
        ? 'there are none; make one with "weir record start"'
        : `there are: ${ids.join(', ')}`;
    throw new WeirError('RECORDING_UNKNOWN', `no recording "${name}"; ${known}`);
  }

  async remove(name: string): Promise<string> {
    const { id, path } = await this.find(name);
    await removePrivateFile(path);
    return id;
  }

  /** Throws RECORDINGS_FULL. */
  async create(begin: RecordingBegin): Promise<RecordingWriter> {
    await makePrivateFolder(this.#folder);
    if ((await this.#ids()).length >= recordingsMax)
      throw new WeirError(
        'RECORDINGS_FULL',
        `there are ${recordingsMax} recordings already; remove one with "weir record remove NAME"`,
      );
    const id = newId(begin.startedAtMs);
    const path = this.pathOf(id);
    const file = await open(path, 'wx', 0o600);
    try {
      const writer = new RecordingWriter(id, file);
      await writer.write(encodeBegin(begin));
      return writer;
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
  }

  pathOf(id: string): string {
    return join(this.#folder, `${id}${suffix}`);
  }

  async #ids(): Promise<string[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => name.slice(0, -suffix.length))
      .filter((id) => idPattern.test(id))
      .sort()
      .reverse();
  }
}

/** One that is under way. Writes one after another; the first that fails is the end of it. */
export class RecordingWriter {
  readonly id: string;
  readonly #file: FileHandle;
  #bytes = 0;
  #requests = 0;
  #dropped = 0;
  #waitingBytes = 0;
  #failure: string | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(id: string, file: FileHandle) {
    this.id = id;
    this.#file = file;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get requests(): number {
    return this.#requests;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Why nothing more is written. */
  get failure(): string | null {
    return this.#failure;
  }

  noteDropped(count: number): void {
    this.#dropped += count;
  }

  /** What a request takes of the file. */
  static sizeOf(payload: Uint8Array): number {
    return payload.length + frameOverheadBytes;
  }

  add(payload: Uint8Array): void {
    if (this.#failure !== null || this.#waitingBytes + payload.length > waitingBytesMax) {
      this.#dropped++;
      return;
    }
    this.#requests++;
    void this.write(requestFrame(payload));
  }

  write(bytes: Buffer): Promise<void> {
    this.#bytes += bytes.length;
    this.#waitingBytes += bytes.length;
    this.#last = this.#last.then(async () => {
      try {
        if (this.#failure === null) await this.#file.appendFile(bytes);
      } catch (error) {
        this.#failure = `the recording cannot be written: ${describeError(error)}`;
      } finally {
        this.#waitingBytes -= bytes.length;
      }
    });
    return this.#last;
  }

  async end(endedAtMs: number, why: string): Promise<RecordingEnd> {
    const end = { endedAtMs, why, requests: this.#requests, dropped: this.#dropped };
    await this.write(encodeEnd(end));
    try {
      await this.#file.sync();
    } finally {
      await this.close();
    }
    return end;
  }

  /** Without an end. */
  async close(): Promise<void> {
    await this.#last;
    await this.#file.close();
  }
}

async function readEntry(id: string, path: string): Promise<RecordingEntry | null> {
  try {
    const { size } = await stat(path);
    const file = await open(path, 'r');
    try {
      const first = Buffer.alloc(Math.min(size, beginBytesMax));
      await file.read(first, 0, first.length, 0);
      const begin = new RecordingReader().push(first).find((part) => part.kind === 'begin');
      if (begin?.kind !== 'begin') return null;
      const tail = Buffer.alloc(Math.min(size, endFrameBytes));
      await file.read(tail, 0, tail.length, size - tail.length);
      return { id, bytes: size, begin: begin.begin, end: readEndFrame(tail) };
    } finally {
      await file.close();
    }
  } catch {
    // Removed meanwhile, or not ours to read.
    return null;
  }
}

function newId(atMs: number): string {
  const [day = '', time = ''] = new Date(atMs).toISOString().split('T');
  const digits = `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`;
  return `${digits}-${randomBytes(2).toString('hex')}`;
}
