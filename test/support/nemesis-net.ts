/**
 * A switch and a host of its own for everybody: a bridge in one network namespace, a cable to one namespace a member.
 *
 * ```
 * hub: br0 ── cable ── bus 10.78.0.2
 *          ├─ cable ── orchestrator 10.78.0.3
 *          └─ cable ── n1 10.78.0.11 …
 * ```
 *
 * A partition drops packets in silence, on the host it is about, in one direction or both, and counts them.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

export type Direction = 'both' | 'in' | 'out';

export class NemesisNet implements Disposable {
  readonly #id = randomBytes(3).toString('hex');
  readonly #hosts = new Map<string, string>();

  constructor(addresses: Readonly<Record<string, string>>) {
    try {
      const hub = this.#add('hub');
      ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
      ip('-n', hub, 'link', 'set', 'br0', 'up');
      for (const [index, [host, address]] of Object.entries(addresses).entries()) {
        const namespace = this.#add(host);
        const port = ['name', `p${index}`, 'netns', hub];
        ip('link', 'add', 'eth0', 'netns', namespace, 'type', 'veth', 'peer', ...port);
        ip('-n', hub, 'link', 'set', `p${index}`, 'master', 'br0', 'up');
        ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
        for (const device of ['lo', 'eth0']) ip('-n', namespace, 'link', 'set', device, 'up');
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  namespace(host: string): string {
    const name = this.#hosts.get(host);
    if (name === undefined) throw new Error(`no host ${host}`);
    return name;
  }

  /** The words before a command that runs there. */
  enter(host: string): string[] {
    return ['ip', 'netns', 'exec', this.namespace(host)];
  }

  cut(host: string, direction: Direction): void {
    const chain = (hook: string, device: string) =>
      `chain ${hook} { type filter hook ${hook} priority 0; policy accept; ${device} "eth0" counter drop; }`;
    const chains = [
      ...(direction === 'out' ? [] : [chain('input', 'iifname')]),
      ...(direction === 'in' ? [] : [chain('output', 'oifname')]),
    ];
    this.#nft(host, ['-f', '-'], `table inet nemesis {\n${chains.join('\n')}\n}\n`);
  }

  /** Returns how many packets the partition dropped. */
  mend(host: string): number {
    const counted = this.#nft(host, ['list', 'table', 'inet', 'nemesis']);
    this.#nft(host, ['delete', 'table', 'inet', 'nemesis']);
    return [...counted.matchAll(/packets (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
  }

  #nft(host: string, words: readonly string[], input = ''): string {
    const [command = '', ...before] = this.enter(host);
    return execFileSync(command, [...before, 'nft', ...words], { encoding: 'utf8', input });
  }

  #add(host: string): string {
    const name = `nm${this.#id}-${host}`;
    ip('netns', 'add', name);
    this.#hosts.set(host, name);
    return name;
  }

  [Symbol.dispose](): void {
    for (const name of this.#hosts.values()) ip('netns', 'del', name);
    this.#hosts.clear();
  }
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
