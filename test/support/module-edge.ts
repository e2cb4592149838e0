/** An edge with one module in a process of its own, whose end is seen and whose memory is measured. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export type ToModuleEdge =
  | {
      readonly kind: 'start';
      readonly url: string;
      readonly bytes: Uint8Array;
      readonly fuel: number;
    }
  | { readonly kind: 'load'; readonly bytes: Uint8Array; readonly fuel: number }
  | { readonly kind: 'memory' };

export type FromModuleEdge =
  | { readonly kind: 'started'; readonly address: string }
  | { readonly kind: 'loaded' }
  | {
      readonly kind: 'memory';
      readonly residentBytes: number;
      readonly heapBytes: number;
      readonly failures: number;
    };

export class ModuleEdge implements AsyncDisposable {
  readonly #child: ReturnType<typeof fork>;
  #exits = 0;
  #port = 0;

  private constructor() {
    this.#child = fork(join(import.meta.dirname, 'module-edge-process.ts'), {
      execArgv: ['--expose-gc'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('exit', () => this.#exits++);
  }

  static async start(url: string, bytes: Uint8Array, fuel = 20_000_000): Promise<ModuleEdge> {
    const edge = new ModuleEdge();
    const { address } = await edge.#ask({ kind: 'start', url, bytes, fuel }, 'started');
    edge.#port = Number(address.slice(address.lastIndexOf(':') + 1));
    return edge;
  }

  get port(): number {
    return this.#port;
  }

  /** How often the process has ended, by itself or by a fault. */
  get exits(): number {
    return this.#exits;
  }

  async load(bytes: Uint8Array, fuel = 20_000_000): Promise<void> {
    await this.#ask({ kind: 'load', bytes, fuel }, 'loaded');
  }

  /** After everything that can be freed was. */
  memory(): Promise<Extract<FromModuleEdge, { kind: 'memory' }>> {
    return this.#ask({ kind: 'memory' }, 'memory');
  }

  async #ask<Kind extends FromModuleEdge['kind']>(
    message: ToModuleEdge,
    kind: Kind,
  ): Promise<Extract<FromModuleEdge, { kind: Kind }>> {
    const ended = new AbortController();
    const onExit = (): void => ended.abort();
    this.#child.once('exit', onExit);
    try {
      this.#child.send(message);
      for (;;) {
        const [answer] = (await once(this.#child, 'message', { signal: ended.signal })) as [
          FromModuleEdge,
        ];
        if (answer.kind === kind) return answer as Extract<FromModuleEdge, { kind: Kind }>;
      }
    } finally {
      this.#child.off('exit', onExit);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.removeAllListeners('exit');
    if (this.#child.exitCode !== null) return;
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }
}
