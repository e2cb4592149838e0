/**
 * What this kernel and these rights can do, found out by doing it, each step by name. What fails says the
 * errno and, where rights are the reason, the capability that is missing.
 */
import { readFileSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import { closeDescriptor, KernelError } from './bpf-call.ts';
import { createMap } from './bpf-map.ts';
import { loadProgram } from './bpf-program.ts';
import { attachXdp } from './xdp-link.ts';

export type KernelProbe = {
  readonly feature: string;
  /** Null where it works. */
  readonly problem: {
    readonly reason: string;
    readonly errno: string;
    readonly capability: string | null;
  } | null;
};

const HASH = 1;
const LRU_HASH = 9;
const TRIE = 11;
const RING = 27;
const NO_PREALLOC = 1;
const capabilities: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
};
const CAP_SYS_ADMIN = 21;

/** r0 = 2 (pass); exit */
const passProgram = Buffer.from('b7000000020000009500000000000000', 'hex');
/**
 * r2 = data, r3 = data_end, r4 = data + 15; past the end: pass. r5 = byte 0 & 15; r2 += r5; r4 = r2 + 1;
 * past the end: pass; r5 = *r2. What IP options and extension headers need of the verifier.
 */
const variableOffsetProgram = Buffer.from(
  [
    'b700000002000000', // r0 = 2
    '6112000000000000', // r2 = *(u32 *)(r1 + 0)
    '6113040000000000', // r3 = *(u32 *)(r1 + 4)
    'bf24000000000000', // r4 = r2
    '0704000001000000', // r4 += 1
    '2d34070000000000', // if r4 > r3 goto exit
    '7125000000000000', // r5 = *(u8 *)r2
    '570500000f000000', // r5 &= 15
    '0f52000000000000', // r2 += r5
    'bf24000000000000', // r4 = r2
    '0704000001000000', // r4 += 1
    '2d34010000000000', // if r4 > r3 goto exit
    '7125000000000000', // r5 = *(u8 *)r2
    '9500000000000000', // exit
  ].join(''),
  'hex',
);

export function probeKernel(): readonly KernelProbe[] {
  const map =
    (type: number, keyBytes: number, valueBytes: number, entriesMax: number, flags = 0) =>
    () =>
      createMap({ name: 'weir_probe', type, keyBytes, valueBytes, entriesMax, flags });
  return [
    probe('map', ['CAP_BPF'], map(HASH, 4, 8, 1)),
    probe('lru map', ['CAP_BPF'], map(LRU_HASH, 4, 8, 16)),
    probe('prefix map', ['CAP_BPF'], map(TRIE, 8, 8, 1, NO_PREALLOC)),
    probe('ring buffer', ['CAP_BPF'], map(RING, 0, 0, 65_536)),
    probe('xdp program', ['CAP_BPF', 'CAP_NET_ADMIN'], () => load(passProgram)),
    probe('variable packet offsets', ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'], () =>
      load(variableOffsetProgram),
    ),
    probe('xdp link', ['CAP_BPF', 'CAP_NET_ADMIN'], linkNowhere),
  ];
}

function load(instructions: Uint8Array): number {
  return loadProgram('weir_probe', instructions, 'GPL');
}

/** To an interface that is not: a kernel that has links gets as far as missing it. */
function linkNowhere(): number {
  const program = load(passProgram);
  try {
    return attachXdp(program, 0x7fff_fffe, 'generic');
  } catch (error) {
    if (error instanceof KernelError && (error.errno === 'ENODEV' || error.errno === 'EINVAL'))
      return -1;
    throw error;
  } finally {
    closeDescriptor(program);
  }
}

function probe(feature: string, needed: readonly string[], attempt: () => number): KernelProbe {
  try {
    const fd = attempt();
    if (fd >= 0) closeDescriptor(fd);
    return { feature, problem: null };
  } catch (error) {
    const errno = error instanceof KernelError ? error.errno : '';
    const refused = errno === 'EPERM' || errno === 'EACCES';
    return {
      feature,
      problem: {
        reason: describeError(error),
        errno,
        capability: refused ? missingCapability(needed) : null,
      },
    };
  }
}

/** The first of those needed that this process does not have. */
export function missingCapability(needed: readonly string[]): string | null {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: number): boolean => ((effective >> BigInt(bit)) & 1n) === 1n;
  if (has(CAP_SYS_ADMIN)) return null;
  return needed.find((name) => !has(capabilities[name] ?? 0)) ?? null;
}
