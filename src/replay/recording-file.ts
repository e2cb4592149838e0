/** A recording read from its file, one request after another, in bounded memory. */
import { open } from 'node:fs/promises';
import type { RecordedRequest } from './recorded-request.ts';
import { type RecordingBegin, type RecordingEnd, RecordingReader } from './recording-format.ts';

const pieceBytes = 262_144;

export type RecordingRead = {
  requests(): AsyncGenerator<RecordedRequest>;
  /** Of the file, by now. */
  readonly sharePercent: number;
  /** What keeps a part of it from being read; null for nothing. */
  readonly problem: string | null;
  readonly begin: RecordingBegin | null;
  /** Null where it was cut off. */
  readonly end: RecordingEnd | null;
};

export function readRecording(path: string): RecordingRead {
  const reader = new RecordingReader();
  let sharePercent = 0;
  let begin: RecordingBegin | null = null;
  let end: RecordingEnd | null = null;
  async function* requests(): AsyncGenerator<RecordedRequest> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      for (let at = 0; reader.problem === null; ) {
        // Its own buffer each time: what is read from it is borrowed.
        const piece = Buffer.allocUnsafeSlow(pieceBytes);
        const { bytesRead } = await file.read(piece, 0, pieceBytes, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        for (const part of reader.push(piece.subarray(0, bytesRead))) {
          if (part.kind === 'request') yield part.request;
          else if (part.kind === 'begin') begin = part.begin;
          else end = part.end;
        }
        sharePercent = Math.min(100, Math.floor((at / Math.max(1, size)) * 100));
      }
      reader.end();
    } finally {
      await file.close();
    }
  }
  return {
    requests,
    get sharePercent() {
      return sharePercent;
    },
    get problem() {
      return reader.problem;
    },
    get begin() {
      return begin;
    },
    get end() {
      return end;
    },
  };
}
