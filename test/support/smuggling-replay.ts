/**
 * One disputed request against an edge: its bytes on a fresh connection, all that came of it, then a plain
 * request that must be answered with its own answer (a poisoned upstream connection shows only there).
 *
 * The edge must close what stays open by its own short time limits (`replayTimeouts`).
 */
import tls from 'node:tls';
import { readMessages, statusOf } from './http-read.ts';
import { RawClient } from './raw-client.ts';
import { frameType, readFrames, statusOfBlock } from './replay-frames.ts';
import type { ReplayOrigin } from './replay-origin.ts';
import type { SmugglingCase } from './smuggling-cases.ts';
import { type Judgement, judge } from './smuggling-judge.ts';

export const replayTimeouts = { headMs: 300, bodyIdleMs: 300, idleMs: 300 } as const;

export type ReplayTarget = {
  /** `host:port` without TLS. */
  readonly plain: string;
  /** Port of the TLS listener on the same host, for HTTP/2. */
  readonly tlsPort: number | null;
  readonly origin: ReplayOrigin;
};

type Received = {
  readonly statuses: readonly number[];
  readonly reset: boolean;
  readonly closed: boolean;
};

/** After an answer, how long an HTTP/2 connection must be quiet to count as done; and how long in all. */
const quietMs = 100;
const replayMs = 5_000;

export async function replay(one: SmugglingCase, target: ReplayTarget): Promise<Judgement> {
  target.origin.take();
  const received =
    one.proto === 'h1'
      ? await sendH1(one, target.plain)
      : await sendH2(one, target.tlsPort as number);
  const probe = await sendProbe(one.id, target.plain);
  const { requests, begun, unclean } = target.origin.take();
  return judge(one, {
    ...received,
    requests: requests.filter(({ first }) => !first.startsWith(`GET ${probePath(one.id)} `)),
    begun,
    unclean,
    probe,
  });
}

/** Whether the edge speaks HTTP/2 at all. */
export async function offersH2(port: number): Promise<boolean> {
  const socket = await connectH2(port);
  socket.destroy();
  return socket.alpnProtocol === 'h2';
}

async function sendH1(one: SmugglingCase, address: string): Promise<Received> {
  const raw = Buffer.from(one.raw, 'base64');
  using client = await RawClient.connect(address);
  client.socket.write(raw);
  if (one.half_close === true) client.end();
  const received = await client.untilEnded();
  const isHead = raw.toString('latin1', 0, 5) === 'HEAD ';
  const { messages } = readMessages(
    received,
    (index, status) => status < 200 || status === 204 || (isHead && index === 0),
  );
  const finals = messages.filter((message) => statusOf(message) >= 200);
  const last = finals.at(-1);
  return {
    statuses: finals.map(statusOf),
    reset: false,
    // Everything ends by a time limit in the end: after a refusal only the field shows that it was meant.
    closed:
      last === undefined ||
      last.fields.some(([name, value]) => /^connection$/i.test(name) && /close/i.test(value)),
  };
}

async function sendProbe(id: string, address: string): Promise<string> {
  using client = await RawClient.connect(address);
  client.send(`GET ${probePath(id)} HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n`);
  const received = await client.untilEnded();
  const [message] = readMessages(received).messages;
  if (message === undefined) return 'no answer';
  if (statusOf(message) !== 200) return message.first;
  return message.body === probePath(id) ? '' : `got the answer to ${message.body}`;
}

const probePath = (id: string): string => `/probe/${id}`;

function connectH2(port: number): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ALPNProtocols: ['h2', 'http/1.1'],
      rejectUnauthorized: false,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function sendH2(one: SmugglingCase, port: number): Promise<Received> {
  const socket = await connectH2(port);
  const statuses: number[] = [];
  const seen = { reset: false, closed: false, answered: false };
  let rest: Buffer = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    let quiet: NodeJS.Timeout | undefined;
    const limit = setTimeout(resolve, replayMs);
    const end = (): void => {
      clearTimeout(quiet);
      clearTimeout(limit);
      resolve();
    };
    socket.on('data', (bytes: Buffer) => {
      const read = readFrames(Buffer.concat([rest, bytes]));
      rest = read.rest;
      for (const { type, flags, payload } of read.frames) {
        if (type === frameType.reset || type === frameType.goAway) {
          seen.closed = true;
          seen.reset ||= type === frameType.reset || payload.readUInt32BE(4) !== 0;
          seen.answered = true;
        } else if (type === frameType.headers) {
          const status = statusOfBlock(payload);
          if (status >= 200) statuses.push(status);
          // A refusal that ends its stream is as good as a reset of it.
          if (status >= 400) seen.closed = true;
        }
        // END_STREAM of DATA or HEADERS.
        if (type <= frameType.headers && (flags & 1) === 1) seen.answered = true;
      }
      clearTimeout(quiet);
      if (seen.answered) quiet = setTimeout(end, quietMs);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      seen.closed = true;
      end();
    });
    socket.write(Buffer.from(one.raw, 'base64'));
  });
  socket.destroy();
  return { statuses, reset: seen.reset, closed: seen.closed };
}
