/** HTTP/2 written by hand (RFC 9113 section 4): an origin that sends just the frames a test names. */
import type { OriginConnection } from './raw-origin.ts';
import { RawOrigin } from './raw-origin.ts';

export const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
} as const;
/** `:status: 200` from the static table of HPACK. */
export const status200 = Buffer.from([0x88]);

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const endHeaders = 0x4;
export const endStream = 0x1;
export const resetFrame = (stream: number, code: number): Buffer =>
  frame(frameType.reset, 0, stream, Buffer.from([0, 0, 0, code]));

const prefaceBytes = 24;

/** Sends SETTINGS, then calls `onHeaders` for each HEADERS frame that comes, with the stream's number. */
export function framedOrigin(
  onHeaders: (connection: OriginConnection, stream: number) => void,
): Promise<RawOrigin> {
  return RawOrigin.start((connection) => {
    connection.socket.write(frame(frameType.settings, 0, 0, Buffer.alloc(0)));
    let at = prefaceBytes;
    connection.socket.on('data', () => {
      const bytes = Buffer.from(connection.received, 'latin1');
      while (bytes.length >= at + 9) {
        const length = bytes.readUIntBE(at, 3);
        if (bytes.length < at + 9 + length) return;
        const stream = bytes.readUInt32BE(at + 5);
        const type = bytes[at + 3];
        at += 9 + length;
        if (type === frameType.headers) onHeaders(connection, stream);
      }
    });
  });
}
