/**
 * Two hosts on one machine: network namespaces of this test with a wire between them, gone at its end.
 *
 * ```
 * client 10.77.0.1, fd77::1 ─── veth ─── edge 10.77.0.2, fd77::2
 * ```
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

export type NamespacePair = Disposable & {
  readonly client: string;
  readonly edge: string;
  /** Interface of the edge's end. */
  readonly edgeInterface: string;
};

export const clientAddresses = ['10.77.0.1', 'fd77::1'] as const;
export const edgeAddresses = ['10.77.0.2', 'fd77::2'] as const;

export function makeNamespacePair(): NamespacePair {
  const id = randomBytes(3).toString('hex');
  const [client, edge] = [`weir-c-${id}`, `weir-e-${id}`];
  const [clientEnd, edgeEnd] = [`wc${id}`, `we${id}`];
  const dispose = () => {
    for (const name of [client, edge]) spawnSync('ip', ['netns', 'del', name]);
  };
  try {
    for (const name of [client, edge]) ip('netns', 'add', name);
    ip(
      'link',
      'add',
      clientEnd,
      'netns',
      client,
      'type',
      'veth',
      'peer',
      'name',
      edgeEnd,
      'netns',
      edge,
    );
    for (const [name, end, index] of [
      [client, clientEnd, 0],
      [edge, edgeEnd, 1],
    ] as const) {
      const [v4, v6] = index === 0 ? clientAddresses : edgeAddresses;
      ip('-n', name, 'addr', 'add', `${v4}/24`, 'dev', end);
      ip('-n', name, '-6', 'addr', 'add', `${v6}/64`, 'dev', end, 'nodad');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'set', end, 'up');
    }
    return { client, edge, edgeInterface: edgeEnd, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function ip(...words: string[]): void {
  const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.trim()}`);
}
