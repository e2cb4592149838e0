/**
 * Payload to the wire under the framing of the next hop, always framed anew: chunk sizes and extensions
 * of the sender never travel on, and trailers only as far as `BodyPiece.trailers` still has them.
 */
import { type Framing, framing } from './body-decoder.ts';
import type { BodyPiece } from './body-piece.ts';

const CRLF = '\r\n';
const LAST_CHUNK = '0\r\n';

/** Upper bound of the bytes a piece takes on the wire. */
export function encodedSizeMax(piece: BodyPiece, kind: Framing): number {
  // 12 hexadecimal digits, two line ends, the last chunk.
  return kind === framing.chunked ? piece.size + piece.trailers.length + 21 : piece.size;
}

/** Writes a piece to `target` at `at`; returns the position after it. */
export function encodePiece(piece: BodyPiece, kind: Framing, target: Buffer, at: number): number {
  if (kind !== framing.chunked) return piece.copyTo(target, at);
  let to = at;
  if (piece.size > 0) {
    to += target.write(piece.size.toString(16) + CRLF, to, 'latin1');
    to = piece.copyTo(target, to);
    to += target.write(CRLF, to, 'latin1');
  }
  if (!piece.last) return to;
  to += target.write(LAST_CHUNK, to, 'latin1');
  to += piece.trailers.copy(target, to);
  return to + target.write(CRLF, to, 'latin1');
}

/** A body up to this length is copied behind its head. */
export const joinedBytesMax = 4_096;

/** It is long, and `encodeBody` passes it on as it lies. */
export function goesApart(piece: BodyPiece, kind: Framing): boolean {
  return piece.size > joinedBytesMax && passesAsItLies(piece, kind);
}

function passesAsItLies(piece: BodyPiece, kind: Framing): boolean {
  return kind !== framing.chunked && piece.count === 1 && !piece.borrowed;
}

/** A piece as one buffer to write. An owned single range without framing is passed on without a copy. */
export function encodeBody(piece: BodyPiece, kind: Framing): Buffer {
  if (passesAsItLies(piece, kind)) return piece.bytes.subarray(piece.ranges[0], piece.ranges[1]);
  const target = Buffer.allocUnsafe(encodedSizeMax(piece, kind));
  return target.subarray(0, encodePiece(piece, kind, target, 0));
}
