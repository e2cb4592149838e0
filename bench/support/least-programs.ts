/**
 * What the packet program is measured against: a program that does nothing, and one that does nothing but look an
 * address up. The first is what a test run costs by itself, the second what no list in a hash of the kernel can cost
 * less than.
 */
import { createMap, KernelMapByFd } from '#synproxy/bpf-map.ts';
import { loadProgram } from '#synproxy/bpf-program.ts';

/** uapi/linux/bpf.h; registers are numbers, the frame pointer is 10. */
function instruction(code: number, to: number, from = 0, offset = 0, value = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((from << 4) | to, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value, 4);
  return bytes;
}

const load = (program: readonly Buffer[], name: string): number =>
  loadProgram(name, Buffer.concat(program), 'Dual MIT/GPL');
const exit = instruction(0x95, 0);
const result = (value: number) => instruction(0xb7, 0, 0, 0, value);
const pass = 2;
const drop = 1;

export const doNothing = (): number => load([result(drop), exit], 'nothing');

/** Drops an IPv4 packet whose source is in a hash of the kernel, in which `blocked` is. */
export function lookUpOnly(blocked: string): number {
  const definition = {
    name: 'hash',
    type: 1,
    keyBytes: 4,
    valueBytes: 24,
    entriesMax: 1_000_000,
    flags: 1,
  };
  const map = createMap(definition);
  const key = Buffer.from(blocked.split('.').map(Number));
  new KernelMapByFd(definition, map).update(key, Buffer.alloc(definition.valueBytes));
  return load(
    [
      instruction(0x61, 2, 1, 0), // r2 = data
      instruction(0x61, 3, 1, 4), // r3 = its end
      instruction(0xbf, 4, 2), // r4 = r2 + 34
      instruction(0x07, 4, 0, 0, 34),
      result(pass),
      instruction(0x2d, 4, 3, 9), // past the end: pass
      instruction(0x61, 5, 2, 26), // the source, to the stack
      instruction(0x63, 10, 5, -4),
      instruction(0x18, 1, 1, 0, map), // r1 = the map, in two instructions
      instruction(0, 0),
      instruction(0xbf, 2, 10), // r2 = the key
      instruction(0x07, 2, 0, 0, -4),
      instruction(0x85, 0, 0, 0, 1), // map_lookup_elem
      instruction(0x55, 0, 0, 2, 0), // an entry: drop
      result(pass),
      exit,
      result(drop),
      exit,
    ],
    'lookup',
  );
}
