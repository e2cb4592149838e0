/** Who measures: one client that asks over a connection it keeps and over new ones, and one that asks for health. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { LatencyHistogram } from '../../support/latency-histogram.ts';

export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: shop.example\r\n\r\n`;

export class Probe {
  readonly kept = new LatencyHistogram();
  readonly anew = new LatencyHistogram();
  readonly servedTimes = new LatencyHistogram();
  shed = 0;
  served = 0;
  withoutRetryAfter = 0;
  readonly #port: number;
  #socket: net.Socket | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  async askKept(): Promise<void> {
    if (this.#socket === null || this.#socket.destroyed) {
      this.#socket = this.#connect();
      await once(this.#socket, 'connect');
    }
    await this.#ask(this.#socket, this.kept, performance.now());
  }

  async askAnew(): Promise<void> {
    const since = performance.now();
    const socket = this.#connect();
    await this.#ask(socket, this.anew, since);
    socket.destroy();
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connect(): net.Socket {
    const socket = net.connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    socket.on('error', () => socket.destroy());
    return socket;
  }

  /** An answer is small: its first bytes are all of it, or nearly. */
  #ask(socket: net.Socket, times: LatencyHistogram, since: number): Promise<void> {
    return new Promise((resolve) => {
      const closed = (): void => {
        socket.removeListener('data', answered);
        resolve();
      };
      const answered = (bytes: Buffer): void => {
        const tookMs = performance.now() - since;
        socket.removeListener('close', closed);
        const head = bytes.toString('latin1');
        if (head.startsWith('HTTP/1.1 503')) {
          this.shed++;
          times.add(tookMs);
          if (!/^retry-after: \d/im.test(head)) this.withoutRetryAfter++;
        } else {
          this.served++;
          this.servedTimes.add(tookMs);
        }
        resolve();
      };
      socket.once('data', answered);
      socket.once('close', closed);
      socket.write(get('/probe'));
    });
  }
}

export class HealthProbe {
  readonly times = new LatencyHistogram();
  failed = 0;
  readonly #url: string;
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor(admin: string) {
    this.#url = `${admin}/health`;
  }

  ask(): Promise<void> {
    const since = performance.now();
    return new Promise((resolve) => {
      const failed = (): void => {
        this.failed++;
        resolve();
      };
      http
        .get(this.#url, { agent: this.#agent }, (response) => {
          response.resume();
          response.on('end', () => {
            this.times.add(performance.now() - since);
            if (response.statusCode === 200) resolve();
            else failed();
          });
        })
        .on('error', failed);
    });
  }
}
