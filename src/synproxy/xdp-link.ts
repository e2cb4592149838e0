/**
 * Puts a program before an interface, as a link: it is there as long as a descriptor of the link is open,
 * so whatever ends the process also takes the program away. Swapping programs leaves no gap.
 */
import { attachedPrograms } from './attached-program.ts';
import {
  addressOf,
  bpf,
  bpfResult,
  closeDescriptor,
  errnoName,
  fixedText,
  KernelError,
  stableBuffer,
} from './bpf-call.ts';

export type XdpMode = 'native' | 'generic';

const XDP_ATTACH = 37;
const LINK_TYPE_XDP = 6;
const modeFlags: Readonly<Record<XdpMode, number>> = { native: 1 << 2, generic: 1 << 1 };
const linksMax = 4_096;

/** What the errno of a refused link means to whoever runs the machine. */
const reasons: Readonly<Record<string, string>> = {
  EOPNOTSUPP: 'the driver of the interface has no XDP in this mode',
  EINVAL: 'the driver refuses the program (often the MTU, or receive offloads such as LRO)',
  ENODEV: 'there is no such interface',
  EPERM: 'CAP_NET_ADMIN (and CAP_BPF) is missing',
  ENOMEM: 'no memory for the queues of the driver',
};

/** The descriptor of the link. Throws KERNEL_ATTACH_FAILED whose `errno` says why. */
export function attachXdp(program: number, interfaceIndex: number, mode: XdpMode): number {
  const attribute = stableBuffer(64);
  attribute.writeUInt32LE(program, 0);
  attribute.writeUInt32LE(interfaceIndex, 4);
  attribute.writeUInt32LE(XDP_ATTACH, 8);
  attribute.writeUInt32LE(modeFlags[mode], 12);
  const result = bpfResult('LINK_CREATE', attribute);
  if (result >= 0) return result;
  const errno = errnoName(-result);
  const reason =
    errno === 'EBUSY' || errno === 'EEXIST'
      ? (ownerOf(interfaceIndex) ?? 'another program is attached there')
      : (reasons[errno] ?? '');
  throw new KernelError(
    'KERNEL_ATTACH_FAILED',
    `XDP in ${mode} mode on interface ${interfaceIndex}: ${errno}${reason === '' ? '' : `, ${reason}`}`,
    errno,
  );
}

/** The link runs the other program from the next packet on. */
export function replaceProgram(link: number, program: number): void {
  const attribute = stableBuffer(64);
  attribute.writeUInt32LE(link, 0);
  attribute.writeUInt32LE(program, 4);
  bpf('LINK_UPDATE', attribute, 'the program of a link');
}

/**
 * Who holds the interface, as far as the kernel tells. The routing socket says which program is there: links
 * are those of all network namespaces, and their interface numbers mean nothing across them.
 */
function ownerOf(interfaceIndex: number): string | null {
  const [program] = attachedPrograms(interfaceIndex);
  if (program === undefined) return null;
  const link = linkOf(program, interfaceIndex);
  return link === null
    ? `${programText(program)} is attached there, and by no link; see bpftool prog show id ${program}, take it off with ip link set dev INTERFACE xdp off, or name other interfaces in kernel.interface`
    : `link ${link} with ${programText(program)} is attached there; end the process that holds it (bpftool link show id ${link}), or name other interfaces in kernel.interface`;
}

function linkOf(program: number, interfaceIndex: number): number | null {
  const attribute = stableBuffer(16);
  for (let seen = 0; seen < linksMax; seen++) {
    if (bpfResult('LINK_GET_NEXT_ID', attribute) < 0) return null;
    const id = attribute.readUInt32LE(4);
    attribute.writeUInt32LE(id, 0);
    const info = infoById('LINK_GET_FD_BY_ID', id);
    if (info?.readUInt32LE(0) !== LINK_TYPE_XDP || info.readUInt32LE(16) !== interfaceIndex)
      continue;
    if (info.readUInt32LE(8) === program) return id;
  }
  return null;
}

function programText(id: number): string {
  const program = infoById('PROG_GET_FD_BY_ID', id);
  return `program ${id}${program === null ? '' : ` (${fixedText(program, 64, 16)})`}`;
}

function infoById(command: 'LINK_GET_FD_BY_ID' | 'PROG_GET_FD_BY_ID', id: number): Buffer | null {
  const attribute = stableBuffer(16);
  attribute.writeUInt32LE(id, 0);
  const fd = bpfResult(command, attribute);
  if (fd < 0) return null;
  try {
    const info = stableBuffer(256);
    const ask = stableBuffer(16);
    ask.writeUInt32LE(fd, 0);
    ask.writeUInt32LE(info.length, 4);
    ask.writeBigUInt64LE(addressOf(info), 8);
    return bpfResult('OBJ_GET_INFO_BY_FD', ask) < 0 ? null : info;
  } finally {
    closeDescriptor(fd);
  }
}
