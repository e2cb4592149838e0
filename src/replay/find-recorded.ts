/**
 * A request of a recording by the id that its event, its access line and its client have: what an exclusion is tried
 * on. The newest recordings are looked through, so much of each and no more, as somebody waits for the answer.
 */
import type { ToldRequest } from '#events/event-request.ts';
import type { RecordedRequest } from './recorded-request.ts';
import { readRecording } from './recording-file.ts';
import type { RecordingStore } from './recording-store.ts';

const recordingsMax = 3;
const requestsMax = 200_000;

/** Null where none of it was recorded. Its secrets are masked. */
export async function findRecorded(
  store: RecordingStore,
  requestId: string,
): Promise<ToldRequest | null> {
  if (requestId === '') return null;
  for (const { id } of (await store.list()).slice(0, recordingsMax)) {
    let left = requestsMax;
    for await (const request of readRecording(store.pathOf(id)).requests()) {
      if (request.id === requestId) return told(request);
      if (--left === 0) break;
    }
  }
  return null;
}

function told({ head, bytes, client }: RecordedRequest): ToldRequest | null {
  const [line = '', ...rest] = head.toString('latin1').split('\r\n');
  const parts = /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(line);
  if (parts === null) return null;
  const fields = rest.flatMap((field): [string, string][] => {
    const colon = field.indexOf(':');
    return colon < 1 ? [] : [[field.slice(0, colon), field.slice(colon + 1).trim()]];
  });
  const [, method = '', target = '', version = ''] = parts;
  const body = bytes.toString('latin1');
  return { method, target, version, fields, body, clientAddress: client };
}
