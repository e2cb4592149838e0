/**
 * What guards the node below its listeners: the highest step of the ladder that this machine allows, tried
 * from the top, each refusal kept with its reason.
 *
 * ```
 * xdp-native    in the network driver
 * xdp-generic   in the network stack, before anything else there
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
import { probeKernel } from '#synproxy/probe-kernel.ts';
import {
  closeShield,
  type LoadedShield,
  loadShield,
  readShieldObject,
} from '#synproxy/shield-object.ts';
import { attachXdp, type XdpMode as Mode } from '#synproxy/xdp-link.ts';
import { type GuardedInterface, guardedInterfaces } from './guarded-interfaces.ts';

export type KernelStep = 'xdp-native' | 'xdp-generic' | 'accept';

export type KernelHandover = {
  readonly step: KernelStep;
  /** Why each higher step is not the one. */
  readonly refused: readonly { readonly step: KernelStep; readonly reason: string }[];
  readonly interfaces: readonly (GuardedInterface & { readonly link: number })[];
  /** Of the program and its maps, by name; empty on step accept. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Of the file the program was loaded from: the layout of the maps is that file's. */
  readonly objectSha256: string | null;
};

const steps = { native: 'xdp-native', generic: 'xdp-generic' } as const;

export function climbLadder(config: Config): KernelHandover {
  const { xdp } = config.kernel;
  const modes: readonly Mode[] =
    xdp === 'auto' ? ['native', 'generic'] : xdp === 'off' ? [] : [xdp];
  const refused: { step: KernelStep; reason: string }[] = [];
  const refuse = (reason: string) => {
    for (const mode of modes) refused.push({ step: steps[mode], reason });
    return {
      step: 'accept',
      refused,
      interfaces: [],
      descriptors: {},
      objectSha256: null,
    } as const;
  };
  if (modes.length === 0) return refuse('');
  const interfaces = guardedInterfaces(config);
  if (typeof interfaces === 'string') return refuse(interfaces);
  const missing = missingRights();
  if (missing !== null) return refuse(missing);
  let loaded: LoadedShield;
  let objectSha256: string;
  try {
    const object = readShieldObject();
    objectSha256 = sha256Of(object);
    loaded = loadShield({ object });
  } catch (error) {
    return refuse(describeError(error));
  }
  for (const mode of modes) {
    try {
      const links = attachAll(loaded.program, interfaces, mode);
      const { descriptors } = loaded;
      return { step: steps[mode], refused, interfaces: links, descriptors, objectSha256 };
    } catch (error) {
      refused.push({ step: steps[mode], reason: describeError(error) });
    }
  }
  closeShield(loaded);
  return { step: 'accept', refused, interfaces: [], descriptors: {}, objectSha256: null };
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
  ...kernel.interfaces.map(({ link }) => link),
  ...Object.values(kernel.descriptors),
];

/** The same descriptors, as `number` says another process numbers them. */
export function renumbered(
  kernel: KernelHandover,
  number: (descriptor: number) => number,
): KernelHandover {
  const entries = Object.entries(kernel.descriptors);
  return {
    ...kernel,
    interfaces: kernel.interfaces.map((one) => ({ ...one, link: number(one.link) })),
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
