/**
 * Started inside a namespace: a program of two instructions before an interface, that passes every frame or
 * drops it. What another program sends into a veth arrives only where there is one.
 *
 *     node test/support/attached-verdict.ts veth0 pass
 */
import { readFileSync } from 'node:fs';
import { loadProgram } from '#synproxy/bpf-program.ts';
import { attachXdp } from '#synproxy/xdp-link.ts';

const [device = '', verdict = ''] = process.argv.slice(2);
const codes: Readonly<Record<string, number>> = { drop: 1, pass: 2 };
const code = codes[verdict];
if (code === undefined) throw new Error(`${verdict} is neither pass nor drop`);
// r0 = code; exit (Documentation/bpf/standardization/instruction-set.rst)
const instructions = Buffer.from([0xb7, 0, 0, 0, code, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
const program = loadProgram(`weir_${verdict}`, instructions, 'Dual MIT/GPL');
const index = Number(readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8'));
attachXdp(program, index, 'native');
process.stdout.write('"attached"\n');
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
