/** The module that stamps its version on both messages, as any version. */
import { buildTestGuest } from './guests.ts';

const placeholder = Buffer.from('version:00000000');

export async function versionedModule(): Promise<(version: number) => Uint8Array> {
  const built = Buffer.from(await buildTestGuest('versioned'));
  const at = built.indexOf(placeholder);
  if (at < 0) throw new Error('the module has no version in its data');
  return (version) => {
    const bytes = Buffer.from(built);
    bytes.write(versionName(version), at, 'latin1');
    return bytes;
  };
}

export const versionName = (version: number): string =>
  `version:${String(version).padStart(8, '0')}`;
