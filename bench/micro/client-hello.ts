/**
 * What does it cost a handshake that the client hello is read ahead of TLS and fingerprinted?
 *
 *     node bench/micro/client-hello.ts
 *
 * Whole TLS 1.3 handshakes over loopback, client and server in this process, with and without reading
 * ahead, in turns; the difference is the cost. Beside it the parser and the fingerprint alone, on the same
 * hello. Every fingerprint must be the same text.
 */
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { readFirstBytes } from '../../src/proxy/listener/first-bytes.ts';
import {
  type ClientHello,
  helloBytesMax,
  parseClientHello,
} from '../../src/proxy/tls/client-hello.ts';
import { ja4 } from '../../src/proxy/tls/ja4.ts';

const handshakes = 400;
const rounds = 7;
const site = await makeDevelopmentCertificate(['a.test']);
const engine = tls.createServer({ cert: site.certificate, key: site.privateKey });
engine.on('secureConnection', (socket) => socket.end());
const seen = new Set<string>();
let sample: Buffer = Buffer.alloc(0);

const ways: Readonly<Record<string, (socket: Socket) => void>> = {
  'handed over at once': (socket) => engine.emit('connection', socket),
  'read ahead, fingerprinted': (socket) => {
    let hello: ClientHello | null = null;
    readFirstBytes(
      socket,
      helloBytesMax,
      (bytes) => {
        const result = parseClientHello(bytes);
        if (typeof result === 'string') return result === 'incomplete' ? 'more' : 'refuse';
        hello = result;
        sample = Buffer.from(bytes);
        return 0;
      },
      () => {
        if (hello !== null) seen.add(ja4(hello));
        engine.emit('connection', socket);
      },
    );
  },
};

async function cpuMicroseconds(take: (socket: Socket) => void): Promise<number> {
  const server = net.createServer({ noDelay: true }, take).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const before = process.cpuUsage();
  for (let i = 0; i < handshakes; i++) {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      servername: 'a.test',
      rejectUnauthorized: false,
    });
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
  }
  const { user, system } = process.cpuUsage(before);
  server.close();
  return (user + system) / handshakes;
}

const results = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
for (let round = 0; round < rounds; round++)
  for (const [name, take] of Object.entries(ways))
    results.get(name)?.push(await cpuMicroseconds(take));
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
for (const [name, values] of results)
  console.log(
    `${name.padEnd(28)} ${median(values).toFixed(0)} µs CPU a handshake, both sides (${values.map((value) => value.toFixed(0)).join(' ')})`,
  );
if (seen.size !== 1) throw new Error(`one client, ${seen.size} fingerprints`);

const hello = parseClientHello(sample);
if (typeof hello === 'string') throw new Error(`the sample is ${hello}`);
const alone: Readonly<Record<string, () => void>> = {
  'parser alone': () => void parseClientHello(sample),
  'fingerprint alone': () => void ja4(hello),
};
for (const [name, run] of Object.entries(alone)) {
  const times = Array.from({ length: rounds }, () => {
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) run();
    return ((performance.now() - started) / 20_000) * 1_000;
  });
  console.log(`${name.padEnd(28)} ${median(times).toFixed(1)} µs, ${sample.length} bytes of hello`);
}
