/** What the configuration wants of the packet program where there is none: it must not look as if it held. */
import type { KernelSettings } from '#config/kernel-schema.ts';
import type { KernelHandover } from './kernel-ladder.ts';

/** Null where all that is asked for is in force. Cookies on demand and looking for scans are there by default, and not asked for. */
export function unmetGuards(
  kernel: KernelSettings,
  { step, refused }: Pick<KernelHandover, 'step' | 'refused'>,
): string | null {
  if (step.startsWith('xdp-')) return null;
  const { rates, fragments, amplification, synCookies } = kernel;
  const wanted = [
    ...(Object.values(rates).some((perSecond) => perSecond > 0) ? ['kernel.rates'] : []),
    ...(fragments === 'drop' ? ['kernel.fragments'] : []),
    ...(amplification === 'drop' ? ['kernel.amplification'] : []),
    ...(synCookies === 'always' ? ['kernel.synCookies'] : []),
  ];
  if (wanted.length === 0) return null;
  const isOne = wanted.length === 1;
  const why = refused.findLast((one) => one.step.startsWith('xdp-'))?.reason ?? 'kernel.xdp is off';
  return `${wanted.join(', ')} ${isOne ? 'needs' : 'need'} the packet program and ${isOne ? 'is' : 'are'} not in force, as this node is on step ${step}: ${why}`;
}
