/**
 * Events to a collector by syslog, over UDP, TCP or TLS (`syslog-message.ts` has the messages).
 *
 * UDP says nothing of what arrived: sent is what the kernel took. Over TCP and TLS a batch counts as sent when it is
 * written to the connection; what was on its way when a connection broke is sent again, so that a collector may see
 * it twice and tells it by `event.id`.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { EcsEvent } from '../ecs-event.ts';
import type { SinkTransport } from './sink-queue.ts';
import { octetCounted, syslogMessage } from './syslog-message.ts';

export type SyslogSinkOptions = {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  /** PEM file with who may have signed the collector's certificate; null: those Node knows. */
  readonly ca: string | null;
};

const connectMs = 5_000;
const writeMs = 10_000;

export class SyslogSink implements SinkTransport {
  readonly kind = 'syslog';
  readonly batchMax = 200;
  readonly attemptsMax = Number.POSITIVE_INFINITY;
  readonly name: string;
  readonly #options: SyslogSinkOptions;
  #stream: Socket | null = null;
  #datagrams: DatagramSocket | null = null;

  constructor(options: SyslogSinkOptions) {
    this.#options = options;
    const { protocol, host, port } = options;
    this.name = `syslog ${protocol} ${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  }

  async deliver(events: readonly EcsEvent[], ending: AbortSignal): Promise<void> {
    const messages = events.map(syslogMessage);
    try {
      if (this.#options.protocol === 'udp') await this.#sendDatagrams(messages);
      else await this.#write(Buffer.concat(messages.map(octetCounted)), ending);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  close(): Promise<void> {
    this.#datagrams?.close();
    this.#datagrams = null;
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null || stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stream.destroy();
        resolve();
      };
      const timer = setTimeout(done, 1_000);
      stream.end(done);
    });
  }

  async #sendDatagrams(messages: readonly Buffer[]): Promise<void> {
    const { host, port } = this.#options;
    const socket = await this.#datagramSocket();
    for (const message of messages)
      await new Promise<void>((resolve, reject) => {
        socket.send(message, port, host, (error) => (error === null ? resolve() : reject(error)));
      });
  }

  async #datagramSocket(): Promise<DatagramSocket> {
    if (this.#datagrams !== null) return this.#datagrams;
    const { host } = this.#options;
    const isSix = isIP(host) === 6 || (isIP(host) === 0 && (await familyOf(host)) === 6);
    const socket = createSocket(isSix ? 'udp6' : 'udp4');
    // What comes back of ICMP ends in the callback of a send, or nowhere.
    socket.on('error', () => {});
    socket.unref();
    this.#datagrams = socket;
    return socket;
  }

  async #write(bytes: Buffer, ending: AbortSignal): Promise<void> {
    const stream = await this.#connected(ending);
    await new Promise<void>((resolve, reject) => {
      const fail = (error?: Error | null): void => {
        settle();
        reject(error ?? new Error('the collector closed the connection'));
      };
      const onClose = (): void => fail();
      const onAbort = (): void => fail(new Error('the node ends'));
      const timer = setTimeout(
        () => fail(new Error(`not taken within ${writeMs / 1_000} s`)),
        writeMs,
      );
      const settle = (): void => {
        clearTimeout(timer);
        stream.off('close', onClose);
        ending.removeEventListener('abort', onAbort);
      };
      stream.once('close', onClose);
      ending.addEventListener('abort', onAbort, { once: true });
      stream.write(bytes, (error) => {
        if (error) fail(error);
        else {
          settle();
          resolve();
        }
      });
    });
  }

  async #connected(ending: AbortSignal): Promise<Socket> {
    if (this.#stream?.writable === true && !this.#stream.destroyed) return this.#stream;
    this.#stream?.destroy();
    const { protocol, host, port, ca } = this.#options;
    const signal = AbortSignal.any([ending, AbortSignal.timeout(connectMs)]);
    const authority = ca === null ? {} : { ca: await readFile(ca, 'utf8') };
    const name = isIP(host) === 0 ? { servername: host } : {};
    const stream =
      protocol === 'tls'
        ? connectTls({ host, port, minVersion: 'TLSv1.2', ...name, ...authority })
        : connect({ host, port });
    // Collectors say nothing; a connection with nobody reading it would not see its end.
    stream.resume();
    stream.unref();
    try {
      await once(stream, protocol === 'tls' ? 'secureConnect' : 'connect', { signal });
    } catch (error) {
      stream.on('error', () => {});
      stream.destroy();
      throw signal.aborted && !ending.aborted
        ? new Error(`no connection within ${connectMs / 1_000} s`)
        : error;
    }
    stream.on('error', () => {});
    this.#stream = stream;
    return stream;
  }
}

async function familyOf(host: string): Promise<number> {
  const { lookup } = await import('node:dns/promises');
  return (await lookup(host)).family;
}
