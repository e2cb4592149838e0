/**
 * A tree of its own to run the shipped command from, whose packet program a test may change: what runs beside it goes
 * on with the one of this checkout.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './edge-process.ts';

/** A file of bpf/, what stands there and what shall. */
export type BpfEdit = readonly [file: string, before: string, after: string];

export class OwnTree implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-tree-'));
  readonly main = join(this.folder, 'src/main.ts');

  constructor() {
    for (const name of ['src', 'bpf', 'scripts', 'certs', 'package.json'])
      cpSync(join(root, name), join(this.folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'));
    cpSync(join(root, 'build/bpf'), join(this.folder, 'build/bpf'), { recursive: true });
  }

  /** Compiles build/bpf/shield.o from the sources as they are with these edits, and no others. */
  build(...edits: readonly BpfEdit[]): void {
    cpSync(join(root, 'bpf'), join(this.folder, 'bpf'), { recursive: true });
    for (const [file, before, after] of edits) {
      const path = join(this.folder, 'bpf', file);
      const text = readFileSync(path, 'utf8');
      if (!text.includes(before)) throw new Error(`bpf/${file} has no "${before}"`);
      writeFileSync(path, text.replace(before, after));
    }
    execFileSync(process.execPath, ['scripts/build-bpf.ts'], { cwd: this.folder, stdio: 'pipe' });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
