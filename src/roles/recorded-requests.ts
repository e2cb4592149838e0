/** The request of an event, where a recording has it: what an exclusion is tried on rather than on what the event shows. */
import { createReadStream } from 'node:fs';
import type { ToldRequest } from '#events/event-request.ts';
import type { RecordedRequest } from '#replay/recorded-request.ts';
import { RecordingReader } from '#replay/recording-format.ts';
import { RecordingStore } from '#replay/recording-store.ts';
import { parseRequestText } from '#toolchain/inspect-request.ts';

/** Of all recordings, the newest first; beyond it a request counts as not recorded. */
const scannedBytesMax = 268_435_456;
const chunkBytes = 1_048_576;

/** Null where no recording has it, or not all of what rules look at. */
export async function findRecorded(
  statePath: string,
  requestId: string,
): Promise<ToldRequest | null> {
  if (requestId === '') return null;
  const store = new RecordingStore(statePath);
  let left = scannedBytesMax;
  for (const { id, bytes } of await store.list()) {
    if ((left -= bytes) < 0) return null;
    const found = await findIn(store.pathOf(id), requestId);
    if (found !== null) return toldOf(found);
  }
  return null;
}

async function findIn(path: string, requestId: string): Promise<RecordedRequest | null> {
  const reader = new RecordingReader();
  for await (const bytes of createReadStream(path, { highWaterMark: chunkBytes })) {
    for (const part of reader.push(bytes as Buffer))
      if (part.kind === 'request' && part.request.id === requestId) return part.request;
    if (reader.problem !== null) return null;
  }
  return null;
}

function toldOf({ head, bytes, body, client }: RecordedRequest): ToldRequest | null {
  if (body === 'encoded') return null;
  const parsed = parseRequestText(head.toString('latin1'));
  if (typeof parsed === 'string') return null;
  return { ...parsed, body: bytes.toString('latin1'), clientAddress: client };
}
