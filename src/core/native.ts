/**
 * koffi and the C library through it, loaded once a process and only where something asks.
 *
 * Who uses it declares the functions it needs itself (`libc.ts` the socket calls, `#synproxy/bpf-call.ts`
 * what bpf wants), so nothing native is loaded on a machine that only checks a configuration. Linux only.
 */
import { createRequire } from 'node:module';
import { describeError } from './errors.ts';

type Koffi = typeof import('koffi').default;

export type Native = {
  readonly koffi: Koffi;
  /** The C library of this process. */
  readonly library: ReturnType<Koffi['load']>;
};

let loaded: Native | string | null = null;

/** The reason, where there is none on this machine. */
export function loadNative(): Native | string {
  loaded ??= load();
  return loaded;
}

function load(): Native | string {
  if (process.platform !== 'linux') return `needs Linux, and this is ${process.platform}`;
  try {
    // koffi is CommonJS with a native part; where that is missing, requiring it throws.
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return { koffi, library: koffi.load(null) };
  } catch (error) {
    return `koffi cannot be loaded: ${describeError(error).split('\n')[0]}`;
  }
}
