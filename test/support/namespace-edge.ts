/** A wired node of one worker and two plaintext listeners, with whatever settings a test is about. */
import assert from 'node:assert/strict';
import { WiredNode } from './wired-node.ts';

export type EdgeEntry = {
  readonly target: string;
  readonly action: string;
  readonly packets: number | null;
  readonly connections: number | null;
  readonly lastSeen: string | null;
};

export class NamespaceEdge extends WiredNode {
  readonly #settings: string;
  readonly #edgeSettings: string;

  private constructor(settings: string, edgeSettings: string) {
    super();
    this.#settings = settings;
    this.#edgeSettings = edgeSettings;
    this.allow('[]');
  }

  /** `settings` is YAML of the top level; `edgeSettings` stands under `edge`. `prepare` runs before the start. */
  static async start(
    settings: string,
    prepare: (edge: NamespaceEdge) => void | Promise<void> = () => {},
    edgeSettings = '',
  ): Promise<NamespaceEdge> {
    const edge = new NamespaceEdge(settings, edgeSettings);
    try {
      await prepare(edge);
      await edge.startProcess();
      return edge;
    } catch (error) {
      await edge[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Another `edge.allow`, for the next start or reload. */
  allow(list: string): void {
    this.configure(`edge:
  workers: 1
  listeners:
    - { address: "0.0.0.0:8000", plaintext: true }
    - { address: "[::]:8000", plaintext: true }
  allow: ${list}
  ${this.#edgeSettings}
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes: [{ upstream: app }]
accessLog: { to: "off" }
state: $STATE
${this.#settings}
`);
  }

  entry(target: string): EdgeEntry {
    const { entries } = this.weir<{ entries: readonly EdgeEntry[] }>('block', 'list');
    const found = entries.find((one) => one.target === target);
    assert(found !== undefined, `${target} is listed`);
    return found;
  }

  tables(): string {
    return this.run('edge', 'nft', 'list', 'tables').stdout.trim();
  }
}
