/** A node or the orchestrator under the nemesis: its process, disk and clock, and calls to it past all partitions. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { NemesisProcess } from './nemesis-process.ts';
import type { ShimmedDisk } from './nemesis-shim.ts';

/** What an address has in force at a member: the reason it was given. */
export type View = ReadonlyMap<string, string>;

export type Outcome =
  | { readonly kind: 'acked'; readonly sawBlock: boolean }
  /** An error that was answered: nothing was decided. */
  | { readonly kind: 'refused'; readonly why: string }
  /** No answer: it may have been decided, or not. */
  | { readonly kind: 'unknown' };

type Answer = { readonly status: number; readonly body: Record<string, unknown> };

const callTimeoutMs = 6_000;
const pageEntries = 1_000;

export class NemesisMember {
  readonly name: string;
  readonly role: 'node' | 'orchestrator';
  readonly process: NemesisProcess;
  readonly disk: ShimmedDisk;
  readonly #sockets: { readonly admin: string; readonly web: string };
  #token = '';

  constructor(
    role: 'node' | 'orchestrator',
    process: NemesisProcess,
    disk: ShimmedDisk,
    sockets: { readonly admin: string; readonly web: string },
  ) {
    this.name = process.name;
    this.role = role;
    this.process = process;
    this.disk = disk;
    this.#sockets = sockets;
  }

  async start(): Promise<void> {
    await this.process.start();
    this.#token = readFileSync(join(this.disk.state, 'token'), 'utf8').trim();
  }

  block(target: string, reason: string, ttlSeconds: number): Promise<Outcome> {
    const path = this.role === 'node' ? '/api/v1/fleet/blocks' : '/api/v1/blocklist';
    return this.#decide('POST', path, { target, reason, ttlSeconds, waitMs: 0 });
  }

  unblock(target: string): Promise<Outcome> {
    const path = this.role === 'node' ? '/api/v1/fleet/blocks' : '/api/v1/blocklist';
    return this.#decide('DELETE', `${path}/${encodeURIComponent(target)}`);
  }

  /** All it has in force of the fleet. Throws where it does not answer. */
  async view(): Promise<View> {
    const view = new Map<string, string>();
    const path = this.role === 'node' ? '/api/v1/blocks' : '/api/v1/blocklist';
    for (let after = ''; ; ) {
      const { status, body } = await this.call('GET', `${path}?limit=${pageEntries}${after}`);
      if (status !== 200) throw new Error(`${this.name}: ${status} ${JSON.stringify(body)}`);
      const { entries, next } = body as {
        readonly entries: readonly { readonly target: string; readonly reason: string }[];
        readonly next: string | null;
      };
      for (const { target, reason } of entries) view.set(target, reason);
      if (next === null) return view;
      after = `&after=${encodeURIComponent(next)}`;
    }
  }

  async status(): Promise<Record<string, unknown>> {
    return (await this.call('GET', '/api/v1/status')).body;
  }

  /** Whether a client of this address gets an answer; its connection is cut where it is blocked. */
  letsIn(client: string): Promise<boolean> {
    const family = client.includes(':') ? 'TCP6' : 'TCP4';
    const own = family === 'TCP6' ? '::1' : '127.0.0.1';
    return new Promise((resolve) => {
      const socket = connect(this.#sockets.web);
      socket.setTimeout(callTimeoutMs, () => socket.destroy());
      socket.on('error', () => {});
      socket.on('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.on('close', () => resolve(false));
      socket.write(
        `PROXY ${family} ${client} ${own} 1234 80\r\nGET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      );
    });
  }

  call(method: string, path: string, body?: object): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          ...{ socketPath: this.#sockets.admin, method, path, agent: false },
          timeout: callTimeoutMs,
          headers: {
            host: '127.0.0.1:9000',
            authorization: `Bearer ${this.#token}`,
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': text.length }),
          },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const said = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: answer.statusCode ?? 0,
              body: said.startsWith('{') ? (JSON.parse(said) as Record<string, unknown>) : {},
            });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${this.name} does not answer`)));
      outgoing.on('error', reject);
      outgoing.end(text);
    });
  }

  async #decide(method: string, path: string, body?: object): Promise<Outcome> {
    let answer: Answer;
    try {
      answer = await this.call(method, path, body);
    } catch {
      return { kind: 'unknown' };
    }
    if (answer.status === 200) return { kind: 'acked', sawBlock: answer.body['removed'] === true };
    // Only an error of its own words says that nothing was done.
    return answer.body['error'] === undefined
      ? { kind: 'unknown' }
      : { kind: 'refused', why: JSON.stringify(answer.body['error']) };
  }
}
