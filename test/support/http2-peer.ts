/**
 * An HTTP/2 client that speaks frames: sends what it is told, right or wrong, and keeps every frame it
 * gets. Field blocks it writes are literal and plain, so that each byte of a case is in the test.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { type EdgeOptions, simpleEdge } from './edge.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const PRIORITY_FLAG = 32;

export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
};

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array | string = '',
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export const settings = (...pairs: (readonly [id: number, value: number])[]): Buffer =>
  frame(
    SETTINGS,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.from([id >> 8, id, ...uint32(value)]))),
  );

export type Field = readonly [name: string, value: string];

export const simpleRequest: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'edge.test'],
  [':path', '/'],
];

export const simplePost: readonly Field[] = [[':method', 'POST'], ...simpleRequest.slice(1)];

/** Literal fields without indexing, no Huffman code. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), string(name), string(value)])),
  );
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push(128 | (rest % 128));
  return Buffer.from([...bytes, rest]);
}

export const headers = (
  id: number,
  fields: readonly Field[] = simpleRequest,
  flags = END_STREAM | END_HEADERS,
): Buffer => frame(HEADERS, flags, id, block(fields));

export const post = (id: number, more: readonly Field[] = []): Buffer =>
  headers(id, [...simplePost, ...more], END_HEADERS);

export const data = (id: number, payload: Uint8Array | string, flags = END_STREAM): Buffer =>
  frame(DATA, flags, id, payload);

export const windowUpdate = (id: number, increment: number): Buffer =>
  frame(WINDOW_UPDATE, 0, id, uint32(increment));

export const reset = (id: number, code = 8): Buffer => frame(RST_STREAM, 0, id, uint32(code));

const lastPing = Buffer.from('thatsall', 'latin1');

export class Http2Peer implements Disposable {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  ended = false;
  #rest: Buffer = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ended = true;
        this.#changed();
      });
    }
    socket.on('error', () => {});
  }

  /** Over TLS with ALPN h2, or in cleartext with prior knowledge. */
  static async connect(address: string, isTls = true): Promise<Http2Peer> {
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    if (!isTls) {
      const plain = net.connect({ host: '127.0.0.1', port, noDelay: true });
      await once(plain, 'connect');
      return new Http2Peer(plain);
    }
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: 'edge.test',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    await once(socket, 'secureConnect');
    return new Http2Peer(socket);
  }

  /** With preface and SETTINGS sent. */
  static async greeted(
    address: string,
    ...pairs: (readonly [id: number, value: number])[]
  ): Promise<Http2Peer> {
    const peer = await Http2Peer.connect(address);
    peer.send(PREFACE, settings(...pairs));
    return peer;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  of(type: number, id?: number): Frame[] {
    return this.frames.filter((one) => one.type === type && (id === undefined || one.id === id));
  }

  /** The first frame that `test` takes; fails when the edge ends before. */
  async first(test: (one: Frame) => boolean): Promise<Frame> {
    const found = await this.wait(() => this.frames.find(test) ?? (this.ended ? null : undefined));
    if (found === null) throw new Error(`ended before; got ${this.summary()}`);
    return found;
  }

  response(id: number): Promise<Frame> {
    return this.first((one) => one.type === HEADERS && one.id === id);
  }

  /** Whole response on a stream: its END_STREAM is there. Gives the payload of its DATA. */
  async body(id: number): Promise<Buffer> {
    await this.first(
      (one) => one.id === id && one.type <= HEADERS && (one.flags & END_STREAM) !== 0,
    );
    return Buffer.concat(this.of(DATA, id).map(({ payload }) => payload));
  }

  /** Resolves when the edge has seen all that was sent, or has ended. */
  async settled(): Promise<void> {
    this.send(frame(PING, 0, 0, lastPing));
    await this.wait(() =>
      this.ended ||
      this.frames.some(
        (one) => one.type === GOAWAY || (one.type === PING && one.payload.equals(lastPing)),
      )
        ? true
        : undefined,
    );
  }

  untilEnded(): Promise<true> {
    return this.wait(() => (this.ended ? true : undefined));
  }

  /** What went wrong, as the edge says it: `goaway 1`, `reset 1 on 3`, `closed`, or '' for nothing. */
  get complaint(): string {
    for (const { type, id, payload } of this.frames) {
      if (type === GOAWAY && payload.readUInt32BE(4) !== 0)
        return `goaway ${payload.readUInt32BE(4)}`;
      if (type === RST_STREAM) return `reset ${payload.readUInt32BE(0)} on ${id}`;
    }
    return this.ended ? 'closed' : '';
  }

  summary(): string {
    return this.frames.map(({ type, flags, id }) => `${type}/${flags}/${id}`).join(' ');
  }

  wait<T>(probe: () => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const ask = (): void => {
      const value = probe();
      if (value === undefined) return;
      this.#waiting.delete(ask);
      resolve(value);
    };
    this.#waiting.add(ask);
    ask();
    return promise;
  }

  #read(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) break;
      this.frames.push({
        type: rest[3] as number,
        flags: rest[4] as number,
        id: rest.readUInt32BE(5),
        payload: rest.subarray(9, 9 + length),
      });
      rest = rest.subarray(9 + length);
    }
    this.#rest = rest;
    this.#changed();
  }

  #changed(): void {
    for (const ask of [...this.#waiting]) ask();
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

let certificate: ReturnType<typeof makeDevelopmentCertificate> | undefined;

/** One TLS listener in front of one origin. */
export async function http2Edge(
  url: string,
  edge: Record<string, unknown> = {},
  listener: Record<string, unknown> = {},
): Promise<EdgeOptions> {
  certificate ??= makeDevelopmentCertificate(['edge.test']);
  const { certificate: cert, privateKey: key } = await certificate;
  return {
    ...simpleEdge(url, edge),
    listeners: [
      {
        address: '127.0.0.1:0',
        tls: { certificates: [{ cert: 'site.crt', key: 'site.key' }] },
        ...listener,
      },
    ],
    certificates: [{ listener: 0, cert, key }],
  };
}
