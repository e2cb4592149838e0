/** A field block that comes in more than one frame (RFC 9113 section 4.3), bounded in frames and bytes. */
import { ByteQueue } from './byte-queue.ts';
import { type Fault, faults } from './fault.ts';
import { blockFramesMax } from './limits.ts';

export class BlockBuffer {
  /** The stream whose block is open, 0 when none is: until it ends no other frame may come. */
  streamId = 0;
  endStream = false;
  dependsOnItself = false;
  readonly bytes = new ByteQueue();
  #frames = 0;

  open(streamId: number, endStream: boolean, dependsOnItself: boolean): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.dependsOnItself = dependsOnItself;
    this.#frames = 0;
    this.bytes.clear();
  }

  /** The session's end when the block is beyond a bound. */
  append(bytes: Buffer, start: number, end: number, bytesMax: number): Fault | null {
    if (++this.#frames > blockFramesMax) return faults.blockFrames;
    if (this.bytes.size + end - start > bytesMax) return faults.blockBytes;
    this.bytes.append(bytes, start, end);
    return null;
  }

  close(): void {
    this.streamId = 0;
    this.bytes.clear();
  }
}
