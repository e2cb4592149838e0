/**
 * What guards the node below its listeners: the highest step of the ladder that this machine allows, tried
 * from the top, each refusal kept with its reason.
 *
 * ```
 * xdp-native    in the network driver
 * xdp-generic   in the network stack, before anything else there
 * nftables      in a table of this node, kept by the one process that may (`nft-launch.ts`)
 * accept        each worker, for every connection it accepts
 * ```
 *
 * Runs once, in the part of the start that has rights (`launch.ts`). What it opened is handed on as
 * descriptors; the links end, and with them the program's work, when the last process that holds them does.
 */
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import type { Config } from '#config/schema.ts';
import { describeError } from '#core/errors.ts';
import { keepObject } from '#synproxy/object-copy.ts';
import { probeKernel } from '#synproxy/probe-kernel.ts';
import {
  closeShield,
  type LoadedShield,
  loadShield,
  readShieldObject,
  type ShieldSizes,
} from '#synproxy/shield-object.ts';
import { attachXdp, type XdpMode as Mode } from '#synproxy/xdp-link.ts';
import { type GuardedInterface, guardedInterfaces } from './guarded-interfaces.ts';
import { type ListSizes, shieldSizes } from './list-room.ts';
import { type NftHandover, startNft } from './nft-launch.ts';
import type { Account } from './privileges.ts';

export type KernelStep = 'xdp-native' | 'xdp-generic' | 'nftables' | 'accept';

export type KernelHandover = {
  readonly step: KernelStep;
  /** Why each higher step is not the one. */
  readonly refused: readonly { readonly step: KernelStep; readonly reason: string }[];
  /** The link is null where no program is attached. */
  readonly interfaces: readonly (GuardedInterface & { readonly link: number | null })[];
  /**
   * Of the program, its maps and the object it was loaded from, by name; empty without them. A handover from
   * before that has no object.
   */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Of that object: the layout of the maps is its. */
  readonly objectSha256: string | null;
  /** Of the block list in the kernel. A program from before that has none: what it made is of the default sizes. */
  readonly sizes?: ListSizes;
  /** On step nftables. A program from before that has none. */
  readonly nft?: NftHandover | null;
};

const steps = { native: 'xdp-native', generic: 'xdp-generic' } as const;

/** Of what the node and what it starts become: `account`, or whom they were started as. */
export function climbLadder(config: Config, account: Account | null): KernelHandover {
  const { xdp, nftables } = config.kernel;
  const modes: readonly Mode[] =
    xdp === 'auto' ? ['native', 'generic'] : xdp === 'off' ? [] : [xdp];
  const interfaces = guardedInterfaces(config);
  const refused: Refusal[] = [];
  if (typeof interfaces === 'string') {
    for (const mode of modes) refused.push({ step: steps[mode], reason: interfaces });
    if (nftables !== 'off') refused.push({ step: 'nftables', reason: interfaces });
    return { ...nothing, refused };
  }
  const sizes = config.kernel.lists;
  const attached =
    modes.length === 0 ? null : attachProgram(modes, interfaces, shieldSizes(config), refused);
  if (attached !== null) return { ...attached, sizes };
  if (nftables === 'off') return { ...nothing, refused };
  const nft = startNft(config, account);
  if (typeof nft === 'string')
    return { ...nothing, refused: [...refused, { step: 'nftables', reason: nft }] };
  const guarded = interfaces.map((one) => ({ ...one, link: null }));
  return { ...nothing, step: 'nftables', refused, interfaces: guarded, sizes, nft };
}

type Refusal = { readonly step: KernelStep; readonly reason: string };

const nothing = {
  step: 'accept',
  interfaces: [],
  descriptors: {},
  objectSha256: null,
  nft: null,
} as const;

/** Null where it cannot be in any of the modes; then each is in `refused`. */
function attachProgram(
  modes: readonly Mode[],
  interfaces: readonly GuardedInterface[],
  sizes: ShieldSizes,
  refused: Refusal[],
): KernelHandover | null {
  const refuseAll = (reason: string) => {
    for (const mode of modes) refused.push({ step: steps[mode], reason });
    return null;
  };
  const missing = missingRights();
  if (missing !== null) return refuseAll(missing);
  let loaded: LoadedShield;
  let object: Buffer;
  try {
    object = readShieldObject();
    loaded = loadShield({ object, sizes });
  } catch (error) {
    return refuseAll(describeError(error));
  }
  for (const mode of modes) {
    try {
      const links = attachAll(loaded.program, interfaces, mode);
      const descriptors = { ...loaded.descriptors, object: keepObject(object) };
      const objectSha256 = sha256Of(object);
      return { step: steps[mode], refused, interfaces: links, descriptors, objectSha256 };
    } catch (error) {
      refused.push({ step: steps[mode], reason: describeError(error) });
    }
  }
  closeShield(loaded);
  return null;
}

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** On all of them or on none. */
function attachAll(program: number, interfaces: readonly GuardedInterface[], mode: Mode) {
  const links: (GuardedInterface & { link: number })[] = [];
  try {
    for (const one of interfaces) links.push({ ...one, link: attachXdp(program, one.index, mode) });
    return links;
  } catch (error) {
    for (const { link } of links) closeSync(link);
    throw error;
  }
}

export const kernelDescriptors = (kernel: KernelHandover): number[] => [
  ...kernel.interfaces.flatMap(({ link }) => link ?? []),
  ...Object.values(kernel.descriptors),
  ...(kernel.nft == null ? [] : [kernel.nft.channel]),
];

/** The same descriptors, as `number` says another process numbers them. */
export function renumbered(
  kernel: KernelHandover,
  number: (descriptor: number) => number,
): KernelHandover {
  const entries = Object.entries(kernel.descriptors);
  return {
    ...kernel,
    interfaces: kernel.interfaces.map((one) => ({
      ...one,
      link: one.link === null ? null : number(one.link),
    })),
    nft: kernel.nft == null ? null : { ...kernel.nft, channel: number(kernel.nft.channel) },
    descriptors: Object.fromEntries(entries.map(([name, one]) => [name, number(one)])),
  };
}

/** The first thing the kernel refuses of what the program needs. */
function missingRights(): string | null {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`;
  for (const { feature, problem } of probeKernel()) {
    if (problem === null) continue;
    const { reason, capability } = problem;
    return capability === null
      ? `${feature}: ${reason}`
      : `${feature}: ${reason}; it needs ${capability}: start as root, or give it to the service (AmbientCapabilities= in systemd)`;
  }
  return null;
}
