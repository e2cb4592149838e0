/** Sentences about rule modules that several commands print. */
import type { ModuleLoadAnswer } from '#admin/control.ts';
import { printable } from '#cli/printer.ts';
import { counted, shortHash, thousands } from '#cli/words.ts';

/** What became live, and in how many workers. */
export function moduleLiveText({
  module,
  previousSha256,
  generation,
  workers,
}: ModuleLoadAnswer): string {
  const { sha256, bytes, version, signedBy } = module;
  const what = `${printable(module.name)} is version ${version}, ${shortHash(sha256)} (${thousands(bytes)} bytes${signedBy === null ? '' : `, signed by ${printable(signedBy)}`})`;
  const before =
    previousSha256 === sha256 ? 'as it was before' : `was ${shortHash(previousSha256)}`;
  return `${what}, ${before}; generation ${generation} is live in ${counted(workers, 'worker')}`;
}
