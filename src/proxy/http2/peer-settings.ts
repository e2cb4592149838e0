/** SETTINGS of the client (RFC 9113 section 6.5): what of them matters to a server, checked. */
import { type Fault, faults } from './fault.ts';
import { initialWindow, readUint32, windowMax } from './frame.ts';

const HEADER_TABLE_SIZE = 1;
const ENABLE_PUSH = 2;
const MAX_CONCURRENT_STREAMS = 3;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;
const MAX_HEADER_LIST_SIZE = 6;

export class PeerSettings {
  /** -1 until the client says one. */
  headerTableSize = -1;
  initialWindow: number = initialWindow;

  /** Reads a frame's pairs in order; of repeated ones the last counts. */
  read(bytes: Buffer, start: number, end: number): Fault | null {
    if ((end - start) % 6 !== 0) return faults.frameSize;
    for (let at = start; at < end; at += 6) {
      const value = readUint32(bytes, at + 2);
      switch (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) {
        case HEADER_TABLE_SIZE:
          this.headerTableSize = value;
          break;
        case ENABLE_PUSH:
          if (value > 1) return faults.protocol;
          break;
        case INITIAL_WINDOW_SIZE:
          if (value > windowMax) return faults.flowControl;
          this.initialWindow = value;
          break;
        case MAX_FRAME_SIZE:
          // Ours never exceed the smallest bound there is.
          if (value < 16_384 || value > 16_777_215) return faults.protocol;
          break;
        default:
      }
    }
    return null;
  }
}

/** What the edge tells a client: one session's first frame. */
export function ownSettings(
  streamsMax: number,
  streamWindow: number,
  listBytesMax: number,
): readonly (readonly [number, number])[] {
  return [
    [MAX_CONCURRENT_STREAMS, streamsMax],
    [INITIAL_WINDOW_SIZE, streamWindow],
    [MAX_HEADER_LIST_SIZE, listBytesMax],
  ];
}
