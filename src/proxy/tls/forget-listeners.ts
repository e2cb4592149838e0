/**
 * Takes off a closed socket all that listens to it, and with it what the listeners hold.
 *
 * The handle node:tls has for a connection is weak, but has properties, and for V8's collector of the young
 * generation such a one is alive: it, its socket and whatever listens stay until the old generation is
 * collected, and are copied there before. Of a connection's memory the edge's part is then found dead at once.
 */
import type { Socket } from 'node:net';

/** For `socket.on('close', …)`: who listens for the same event is still told. */
export function forgetListeners(this: Socket): void {
  this.removeAllListeners();
  this.on('error', ignore);
}

/** Nothing is said of a socket that has closed; were it, it would end the worker. */
const ignore = (): void => {};
