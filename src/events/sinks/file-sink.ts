/**
 * Events as JSON lines in a file that is turned over when it is full: `FILE`, `FILE.1`, … `FILE.keep`, the oldest last.
 *
 * A batch is one write, so a line is whole or not there. A file that something else moves away is opened anew with the
 * next batch; whoever reads sees each line once.
 */
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import type { EcsEvent } from '../ecs-event.ts';
import type { SinkTransport } from './sink-queue.ts';

export type FileSinkOptions = {
  readonly path: string;
  readonly rotateBytes: number;
  /** How many full ones are kept. */
  readonly keep: number;
};

export class FileSink implements SinkTransport {
  readonly kind = 'file';
  readonly batchMax = 500;
  readonly attemptsMax = Number.POSITIVE_INFINITY;
  readonly name: string;
  readonly #options: FileSinkOptions;
  #file: FileHandle | null = null;
  #bytes = 0;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.name = `file ${options.path}`;
  }

  async deliver(events: readonly EcsEvent[]): Promise<void> {
    const lines = Buffer.from(`${events.map((event) => JSON.stringify(event)).join('\n')}\n`);
    const { rotateBytes } = this.#options;
    try {
      const file = await this.#current();
      if (this.#bytes > 0 && this.#bytes + lines.length > rotateBytes) {
        await this.#rotate();
        await this.#write(await this.#current(), lines);
      } else await this.#write(file, lines);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
  }

  async #write(file: FileHandle, lines: Buffer): Promise<void> {
    const { bytesWritten } = await file.write(lines);
    this.#bytes += bytesWritten;
    if (bytesWritten < lines.length) {
      // The rest would be tried again behind half a line.
      await file.truncate(this.#bytes - bytesWritten);
      throw new Error(`${bytesWritten} of ${lines.length} bytes were taken`);
    }
  }

  async #current(): Promise<FileHandle> {
    const { path } = this.#options;
    if (this.#file !== null) {
      const [there, ours] = await Promise.all([stat(path).catch(() => null), this.#file.stat()]);
      if (there?.ino === ours.ino) return this.#file;
      await this.close();
    }
    const file = await open(path, 'a', 0o640);
    this.#file = file;
    this.#bytes = (await file.stat()).size;
    return file;
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#options;
    await this.close();
    if (keep === 0) {
      await unlink(path);
      return;
    }
    for (let number = keep - 1; number >= 1; number--)
      await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(ignoreMissing);
    await rename(path, `${path}.1`);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
