/** The shipped edge in the server namespace of a pair, with the shipped command line beside it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mainFile } from './edge-process.ts';
import type { NamespacePair } from './network-namespace.ts';
import { until } from './until.ts';

export type NamespacedStatus = {
  readonly pid: number;
  readonly workers: readonly { readonly pid: number }[];
  readonly shield: {
    readonly step: string;
    readonly counters: {
      readonly verdicts: readonly { readonly verdict: string; readonly packets: number }[];
    } | null;
  };
};

export class NamespacedEdge implements Disposable {
  readonly #pair: NamespacePair;
  readonly #folder = mkdtempSync(join(tmpdir(), 'weir-edge-'));
  readonly #state = join(this.#folder, 'state');

  private constructor(pair: NamespacePair) {
    this.#pair = pair;
  }

  /** `config` without `state:`. Resolves when the edge answers; it ends with the pair. */
  static async start(pair: NamespacePair, config: string): Promise<NamespacedEdge> {
    const edge = new NamespacedEdge(pair);
    const file = join(edge.#folder, 'weir.yaml');
    const log = join(edge.#folder, 'edge.log');
    writeFileSync(file, `${config}state: ${edge.#state}\n`);
    const command = [process.execPath, mainFile, 'edge', '--config', file];
    pair.start('server', 'sh', '-c', `exec "$@" 2>${log}`, 'sh', ...command);
    await until(
      () => `the edge answers:\n${readFileSync(log, 'utf8')}`,
      () => {
        if (!readFileSync(log, { encoding: 'utf8', flag: 'a+' }).includes('"edge ready"'))
          return false;
        edge.status();
        return true;
      },
    );
    return edge;
  }

  /** What the command prints with --json. */
  weir(...words: readonly string[]): unknown {
    const command = [mainFile, ...words, '--state', this.#state, '--json'];
    return JSON.parse(this.#pair.run('server', process.execPath, ...command));
  }

  status(): NamespacedStatus {
    return this.weir('status') as NamespacedStatus;
  }

  /** Packets by verdict. */
  verdicts(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { verdict, packets } of this.status().shield.counters?.verdicts ?? [])
      sums[verdict] = (sums[verdict] ?? 0) + packets;
    return sums;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
