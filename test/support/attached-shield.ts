/**
 * Started inside a namespace: puts the packet program before an interface and says its counters on request.
 *
 *     node test/support/attached-shield.ts '{"device":"veth0","mode":"native","flags":[…],"protect":[443]}'
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { attachXdp } from '#synproxy/xdp-link.ts';
import { TestShield } from './test-shield.ts';

export type AttachedTerms = {
  readonly device: string;
  readonly mode: 'native' | 'generic';
  readonly flags: readonly string[];
  readonly protect: readonly number[];
  readonly config?: Readonly<Record<string, number>>;
  readonly drop?: readonly string[];
  readonly rules?: readonly { src: string; dport: number; action: 'pass' | 'drop' | 'inspect' }[];
};

const terms: AttachedTerms = JSON.parse(process.argv[2] ?? '{}');
const shield = new TestShield();
for (const target of terms.drop ?? []) shield.list(target, 'drop');
for (const [index, rule] of (terms.rules ?? []).entries()) shield.rule(index, rule);
shield.protect(...terms.protect);
shield.shield.config.change({ guard_inserts: 10_000, inspect_packets: 12, ...terms.config });
shield.flags(...terms.flags);
const index = Number(readFileSync(`/sys/class/net/${terms.device}/ifindex`, 'utf8'));
attachXdp(shield.shield.program, index, terms.mode);
say('attached');
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line.startsWith('drop ')) shield.list(line.slice(5), 'drop');
    say(Object.fromEntries([...shield.counts()].filter(([, count]) => count > 0)));
  })
  .on('close', () => process.exit(0));

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
