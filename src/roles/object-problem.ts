/** Whether the packet program that runs is the one that lies on disk, in words for the status. */
import { WeirError } from '#core/errors.ts';
import { readShieldObject } from '#synproxy/shield-object.ts';
import { sha256Of } from './kernel-ladder.ts';

const shownDigits = 12;

/** Null where it is, or where none lies there to compare with. */
export function objectProblem(loadedSha256: string): string | null {
  let onDisk: string;
  try {
    onDisk = sha256Of(readShieldObject());
  } catch (error) {
    if (error instanceof WeirError) return null;
    throw error;
  }
  if (onDisk === loadedSha256) return null;
  return `build/bpf/shield.o is ${onDisk.slice(0, shownDigits)}, and the kernel runs ${loadedSha256.slice(0, shownDigits)}; "weir shield swap" as root puts the new one in its place`;
}
