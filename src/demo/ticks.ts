/**
 * Server-sent events: a tick at once and then each second, with a heartbeat comment in between for
 * whoever counts silence. One timer serves all clients, and runs only while there are any.
 *
 * A client that does not read is dropped once `backlogBytesMax` wait for it.
 */
import type { ServerResponse } from 'node:http';

export const tickClientsMax = 1_024;
export const tickMs = 1_000;
const heartbeatEveryTicks = 15;
const backlogBytesMax = 64 * 1024;

export class Ticks {
  readonly #clients = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | null = null;
  #count = 0;

  /** False when there are too many already; the caller answers that. */
  add(response: ServerResponse): boolean {
    if (this.#clients.size >= tickClientsMax) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: 2000\n\n${tickText(this.#count)}`);
    this.#clients.add(response);
    response.on('close', () => this.#remove(response));
    this.#timer ??= setInterval(() => this.#tick(), tickMs);
    return true;
  }

  close(): void {
    for (const response of this.#clients) response.end();
  }

  #tick(): void {
    this.#count += 1;
    const heartbeat = this.#count % heartbeatEveryTicks === 0 ? ': heartbeat\n\n' : '';
    for (const response of this.#clients) {
      if (response.writableLength > backlogBytesMax) response.destroy();
      else response.write(heartbeat + tickText(this.#count));
    }
  }

  #remove(response: ServerResponse): void {
    this.#clients.delete(response);
    if (this.#clients.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

function tickText(count: number): string {
  return `event: tick\nid: ${count}\ndata: ${JSON.stringify({ count, at: new Date().toISOString() })}\n\n`;
}
