/** Numbers of module versions as they are typed. */
import { usageError } from '#cli/cli-error.ts';

export const versionValue = 'VERSION';

export function parseVersion(text: string, option: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(text))
    throw usageError(`${option} takes a version number as "weir module history" shows it`);
  return Number(text);
}
