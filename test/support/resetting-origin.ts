/**
 * An origin in a thread of its own: on a word of the test it writes an answer and resets its connection.
 * While it does so the test's thread, and the edge in it, can be held, so that the edge finds bytes of
 * the client and the dead connection at the same moment.
 */
import { once } from 'node:events';
import net from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

type Shared = { readonly flags: Int32Array; readonly answer: string };

export class ResettingOrigin implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #flags: Int32Array;
  readonly url: string;

  private constructor(worker: Worker, flags: Int32Array, port: number) {
    this.#worker = worker;
    this.#flags = flags;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(answer: string): Promise<ResettingOrigin> {
    const flags = new Int32Array(new SharedArrayBuffer(8));
    const data: Shared = { flags, answer };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    const [port] = (await once(worker, 'message')) as [number];
    return new ResettingOrigin(worker, flags, port);
  }

  /** Resolves when the head of a request has reached it. */
  async asked(): Promise<void> {
    await Atomics.waitAsync(this.#flags, 0, 0).value;
  }

  /** Holds this thread until the answer is written and the connection is reset. */
  answerAndReset(): void {
    Atomics.store(this.#flags, 1, 1);
    Atomics.notify(this.#flags, 1);
    Atomics.wait(this.#flags, 1, 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

function serve({ flags, answer }: Shared): void {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      Atomics.store(flags, 0, 1);
      Atomics.notify(flags, 0);
      Atomics.wait(flags, 1, 0);
      socket.write(answer, () => {
        socket.resetAndDestroy();
        socket.once('close', () => {
          Atomics.store(flags, 1, 2);
          Atomics.notify(flags, 1);
        });
      });
    });
  });
  server.listen(0, '127.0.0.1', () =>
    parentPort?.postMessage((server.address() as net.AddressInfo).port),
  );
}

if (!isMainThread) serve(workerData as Shared);
