/** A folder as a cpio archive of format `newc` (Documentation/driver-api/early-userspace/buffer-format.rst): an initramfs. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const align = (length: number): number => (4 - (length % 4)) % 4;

export function archiveOf(folder: string): Buffer {
  const parts: Buffer[] = [];
  let inode = 1;
  const add = (name: string, mode: number, content: Uint8Array): void => {
    const fields = [inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    parts.push(Buffer.from(head, 'latin1'), Buffer.alloc(align(head.length)));
    parts.push(Buffer.from(content), Buffer.alloc(align(content.length)));
  };
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(folder, path)).toSorted()) {
      const name = path === '' ? entry : `${path}/${entry}`;
      const full = join(folder, name);
      const stats = lstatSync(full);
      if (stats.isSymbolicLink()) add(name, stats.mode, Buffer.from(readlinkSync(full)));
      else if (stats.isDirectory()) {
        add(name, stats.mode, Buffer.alloc(0));
        walk(name);
      } else add(name, stats.mode, readFileSync(full));
    }
  };
  walk('');
  add('TRAILER!!!', 0, Buffer.alloc(0));
  return Buffer.concat(parts);
}
