/**
 * What would a TLS engine of our own save: OpenSSL's public calls, in the very library Node carries, on a
 * plain socket, instead of node:tls?
 *
 *     node bench/micro/tls-engines.ts
 *
 * Three servers answer 1 KB in this process: without TLS, with node:tls, and with OpenSSL through koffi as
 * small as it can be made (no names, no client certificates, no back-pressure). Servers take turns after every
 * few hundred requests or a few handshakes, so drift of the machine falls on all of them alike; CPU is that of
 * the whole process with the same node:tls client, and what the servers differ by is what they cost. Every
 * answer must be whole.
 */
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { loadNative } from '../../src/core/native.ts';

const requestRounds = 150;
const handshakeRounds = 120;
const connections = 16;
const requestsEach = 12;
/** As a worker has it. */
setFlagsFromString('--max-semi-space-size=2');

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\n\r\n';
const answer = Buffer.from(head + 'x'.repeat(1_024));
const request = Buffer.from(`GET / HTTP/1.1\r\nHost: a.test\r\nCookie: ${'a'.repeat(600)}\r\n\r\n`);
const lastRequest = Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
const asksForClose = (bytes: Buffer): boolean => bytes.includes('Connection: close');
const site = await makeDevelopmentCertificate(['a.test']);

// ── the servers ─────────────────────────────────────────────────────────────────────────────────────

/** Answers go out when the turn ends, as the edge does it. */
function serve(socket: Socket): void {
  socket.on('data', (bytes: Buffer) => {
    socket.cork();
    setImmediate(() => socket.uncork());
    socket.write(Buffer.from(answer));
    if (asksForClose(bytes)) socket.end();
  });
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
}

function nodeTls(): (socket: Socket) => void {
  const server = tls.createServer({
    cert: site.certificate,
    key: site.privateKey,
    ALPNProtocols: ['http/1.1'],
    allowHalfOpen: true,
    noDelay: true,
  });
  server.on('secureConnection', serve);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return (socket) => server.emit('connection', socket);
}

const native = loadNative();
if (typeof native === 'string') throw new Error(native);
const { koffi, library } = native;
type Call = (...values: (number | Uint8Array)[]) => number;
const declare = (name: string, result: string, ...parameters: string[]): Call =>
  library.func(name, result, parameters) as unknown as Call;
/** Addresses of this process fit a number. */
const pointer = 'int64_t';
const bytes = 'const uint8_t *';
const BIO_new = declare('BIO_new', pointer, pointer);
const BIO_read = declare('BIO_read', 'int', pointer, pointer, 'int');
const BIO_write = declare('BIO_write', 'int', pointer, bytes, 'int');
const BIO_ctrl_pending = declare('BIO_ctrl_pending', pointer, pointer);
const ERR_clear_error = declare('ERR_clear_error', 'void');
const SSL_new = declare('SSL_new', pointer, pointer);
const SSL_free = declare('SSL_free', 'void', pointer);
const SSL_set_bio = declare('SSL_set_bio', 'void', pointer, pointer, pointer);
const SSL_set_accept_state = declare('SSL_set_accept_state', 'void', pointer);
const SSL_do_handshake = declare('SSL_do_handshake', 'int', pointer);
const SSL_get_error = declare('SSL_get_error', 'int', pointer, 'int');
const SSL_read = declare('SSL_read', 'int', pointer, pointer, 'int');
const SSL_write = declare('SSL_write', 'int', pointer, bytes, 'int');
const SSL_shutdown = declare('SSL_shutdown', 'int', pointer);
/** ssl.h */
const SSL_ERROR_WANT_READ = 2;
const SSL_CTRL_MODE = 33;
const SSL_MODE_RELEASE_BUFFERS = 0x10;
const recordBytesMax = 16_384;

function openSslContext(): number {
  const memory = declare('BIO_new_mem_buf', pointer, bytes, 'int');
  const read = (name: string, pem: string): number => {
    const text = Buffer.from(pem);
    return declare(
      name,
      pointer,
      pointer,
      pointer,
      pointer,
      pointer,
    )(memory(text, text.length), 0, 0, 0);
  };
  const context = declare('SSL_CTX_new', pointer, pointer)(declare('TLS_server_method', pointer)());
  const isTaken =
    declare(
      'SSL_CTX_use_certificate',
      'int',
      pointer,
      pointer,
    )(context, read('PEM_read_bio_X509', site.certificate)) === 1 &&
    declare(
      'SSL_CTX_use_PrivateKey',
      'int',
      pointer,
      pointer,
    )(context, read('PEM_read_bio_PrivateKey', site.privateKey)) === 1;
  if (!isTaken) throw new Error('OpenSSL does not take the certificate');
  declare(
    'SSL_CTX_ctrl',
    pointer,
    pointer,
    'int',
    pointer,
    pointer,
  )(context, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, 0);
  return context;
}

/** Memory that is written on and on, and replaced when it is used up; slices of it live as long as they like. */
class Slab {
  bytes = Buffer.allocUnsafeSlow(65_536);
  #start = Number(koffi.address(this.bytes));
  at = 0;

  /** The address of at least `size` bytes. */
  room(size: number): number {
    if (this.bytes.length - this.at < size) {
      this.bytes = Buffer.allocUnsafeSlow(65_536);
      this.#start = Number(koffi.address(this.bytes));
      this.at = 0;
    }
    return this.#start + this.at;
  }

  take(size: number): Buffer {
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
}

function openSsl(): (socket: Socket) => void {
  const context = openSslContext();
  const method = declare('BIO_s_mem', pointer)();
  const plain = new Slab();
  const sealed = new Slab();
  return (socket) => {
    const ssl = SSL_new(context);
    const incoming = BIO_new(method);
    const outgoing = BIO_new(method);
    SSL_set_bio(ssl, incoming, outgoing);
    SSL_set_accept_state(ssl);
    let isSecure = false;
    let isFreed = false;
    let answers = 0;
    let isLast = false;
    const flush = (): void => {
      const size = BIO_read(outgoing, sealed.room(20_000), 20_000);
      if (size > 0) socket.write(sealed.take(size));
    };
    const answerAll = (): void => {
      if (isFreed) return;
      for (; answers > 0; answers--) SSL_write(ssl, Buffer.from(answer), answer.length);
      if (isLast) SSL_shutdown(ssl);
      flush();
      if (isLast) socket.end();
    };
    socket.on('data', (chunk: Buffer) => {
      if (isFreed) return;
      BIO_write(incoming, chunk, chunk.length);
      if (!isSecure) {
        ERR_clear_error();
        const result = SSL_do_handshake(ssl);
        isSecure = result === 1;
        const isWrong = !isSecure && SSL_get_error(ssl, result) !== SSL_ERROR_WANT_READ;
        flush();
        if (isWrong) socket.destroy();
        if (!isSecure) return;
      }
      do {
        const size = SSL_read(ssl, plain.room(recordBytesMax), recordBytesMax);
        if (size <= 0) break;
        isLast ||= asksForClose(plain.take(size));
        if (answers++ === 0) setImmediate(answerAll);
      } while (BIO_ctrl_pending(incoming) > 0);
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      isFreed = true;
      SSL_free(ssl);
    });
  };
}

// ── the client ──────────────────────────────────────────────────────────────────────────────────────

async function connect(port: number, isTls: boolean): Promise<Socket> {
  const to = { host: '127.0.0.1', port };
  const socket = isTls
    ? tls.connect({
        ...to,
        servername: 'a.test',
        minVersion: 'TLSv1.3',
        ecdhCurve: 'X25519',
        rejectUnauthorized: false,
      })
    : net.connect(to);
  await once(socket, isTls ? 'secureConnect' : 'connect');
  return socket;
}

/** One request of a kept connection, to the end of its answer. */
function ask(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    let left = answer.length;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write(request);
  });
}

async function visit(port: number, isTls: boolean): Promise<void> {
  const socket = await connect(port, isTls);
  let have = 0;
  socket.on('data', (chunk: Buffer) => {
    have += chunk.length;
  });
  socket.write(lastRequest);
  await once(socket, 'close');
  if (have !== answer.length) throw new Error(`an answer of ${have} bytes`);
}

type Candidate = {
  readonly name: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly kept: readonly Socket[];
};

async function start(name: string, take: (socket: Socket) => void): Promise<Candidate> {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, take);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  const isTls = name !== 'no TLS';
  const kept = Array.from({ length: connections }, () => connect(port, isTls));
  return { name, port, isTls, kept: await Promise.all(kept) };
}

/** A first quarter is for the compilers. */
async function compare(
  what: string,
  rounds: number,
  each: number,
  run: (candidate: Candidate) => Promise<void>,
): Promise<void> {
  const costs = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const candidate of candidates) {
      const before = process.cpuUsage();
      await run(candidate);
      const { user, system } = process.cpuUsage(before);
      if (round >= rounds / 4) costs.get(candidate.name)?.push((user + system) / each);
    }
  }
  for (const [name, values] of costs) {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number): string =>
      (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
    console.log(
      `${what.padEnd(10)} ${name.padEnd(22)} CPU µs, both sides: median ${at(0.5)}, quarter below ${at(0.25)}`,
    );
  }
}

const candidates = [
  await start('no TLS', serve),
  await start('node:tls', nodeTls()),
  await start('OpenSSL through koffi', openSsl()),
];
await compare('request', requestRounds, connections * requestsEach, async ({ kept }) => {
  for (let i = 0; i < requestsEach; i++) await Promise.all(kept.map(ask));
});
await compare('connection', handshakeRounds, connections, async ({ port, isTls }) => {
  await Promise.all(Array.from({ length: connections }, () => visit(port, isTls)));
});
process.exit(0);
