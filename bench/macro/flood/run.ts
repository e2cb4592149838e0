/**
 * Question: what do clients notice of a flood of spoofed SYNs, by what protects the listener?
 *
 *     node bench/macro/flood/run.ts [--seconds 4] [--out bench/results/flood.md]
 *
 * The shipped edge in a network namespace, flood and clients in another (`test/support/flood-scene.ts`); all of
 * it shares the machine's cores, so compare rows of one run. Needs root.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type FloodScene, runFlood } from '../../../test/support/flood-scene.ts';
import { machine } from '../../support/results.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '4' }, out: { type: 'string' } },
});
const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

const protections: readonly (readonly [string, Pick<FloodScene, 'protection' | 'mode'>])[] = [
  ['none (tcp_syncookies=0)', { protection: 'none', mode: 'native' }],
  ["the kernel's cookies (tcp_syncookies=1)", { protection: 'kernel', mode: 'native' }],
  ['Weir, native, every SYN', { protection: 'weir', mode: 'native' }],
  ['Weir, native, on demand', { protection: 'weir-on-demand', mode: 'native' }],
  ['Weir, generic, every SYN', { protection: 'weir', mode: 'generic' }],
];
const floods: readonly (readonly [string, number | null])[] = [
  ['no flood', null],
  ['100,000 a second', 100_000],
  ['as many as one core makes', 0],
];
const number = (value: number | null): string =>
  value === null ? '' : Math.round(value).toLocaleString('en');
const ms = (value: number | null): string => (value === null ? '' : value.toFixed(1));

say('# Clients under a flood of SYNs');
say();
say(`\`node bench/macro/flood/run.ts\`, ${new Date().toISOString().slice(0, 10)}, ${machine}.`);
say(`8 clients, ${values.seconds} s a row, connections with an answer; milliseconds to it.`);
say();
say(
  '| flood | protection | SYNs/s | connections/s | median | p99 | slowest | no answer in 3 s | half open |',
);
say('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const [flood, floodPerSecond] of floods) {
  for (const [name, terms] of protections) {
    const outcome = await runFlood({
      ...terms,
      floodPerSecond,
      seconds: Number(values.seconds),
      clients: 8,
      timeoutMs: 3_000,
    });
    const { client } = outcome;
    const failed = Object.values(client.failed).reduce((sum, count) => sum + count, 0);
    const cells = [
      flood,
      name,
      number(outcome.flood?.perSecond ?? null),
      number(client.perSecond),
      ms(client.medianMs),
      ms(client.p99Ms),
      ms(client.slowestMs),
      String(failed),
      String(outcome.halfOpenMax),
    ];
    say(`| ${cells.join(' | ')} |`);
  }
}
if (values.out !== undefined) writeFileSync(values.out, `${lines.join('\n')}\n`);
process.exit(0);
