/**
 * The packet program and its loader on arm64: a Debian kernel of that architecture in an emulated machine, with
 * this tree, Node and koffi in its initramfs.
 *
 *     apt-get install qemu-system-arm     # once
 *     node test/arm64/run.ts              # 2 to 4 minutes; PASS or FAIL at its end
 *
 * No part of `npm test`: an emulated processor takes longer than the rest of the tests may. What the machine runs is
 * `guest.ts`, the verdicts of test/bpf, and what else needs a kernel and no network namespace. `MINUTES=20` for a
 * slow host, `KEEP=1` to keep the machine's folder under build/arm64.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { archiveOf } from './archive.ts';
import { fetchParts } from './parts.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'build', 'arm64');
const machine = join(folder, 'root');
const emulator = 'qemu-system-aarch64';
const minutes = Number(process.env['MINUTES'] ?? 15);
const tests = ['test/bpf/verdicts.test.ts', 'test/bpf/mutated-frames.test.ts'];
/** What koffi and the tests above import. */
const modules = ['koffi'];

const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
echo "machine: $(uname -r) $(uname -m)"
insmod /veth.ko
ip link set lo up
ip addr add fd77::5/128 dev lo
ip addr add fd77::6/128 dev lo
ip link add type veth
ip link set veth0 up
ip link set veth1 up
ip addr add 10.9.0.1/24 broadcast 10.9.0.255 dev veth1
cd /weir
export REQUIRE_ALL=1 FRAMES=20000 PATH=/bin:/weir/bin
node test/arm64/guest.ts && node --test --test-isolation=none --test-reporter=spec ${tests.join(' ')} && echo "arm64: PASS"
poweroff -f
`;

process.exitCode = await main();

async function main(): Promise<number> {
  if (spawnSync('which', [emulator]).status !== 0) {
    console.log(`arm64: skipped, ${emulator} is not installed (apt-get install qemu-system-arm)`);
    return process.env['REQUIRE_ALL'] === '1' ? 1 : 0;
  }
  if (!existsSync(join(root, 'build/bpf/shield.o'))) {
    console.log('arm64: skipped, build/bpf/shield.o is missing (node scripts/build-bpf.ts)');
    return process.env['REQUIRE_ALL'] === '1' ? 1 : 0;
  }
  const { kernel, initramfs } = buildMachine();
  const startedAt = performance.now();
  const output = await boot(kernel, initramfs);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  if (process.env['KEEP'] !== '1') rmSync(machine, { recursive: true, force: true });
  const passed = /^arm64: PASS\s*$/m.test(output);
  console.log(`${passed ? 'PASS' : 'FAIL'} after ${seconds} s in the machine`);
  return passed ? 0 : 1;
}

function buildMachine(): { readonly kernel: string; readonly initramfs: string } {
  rmSync(machine, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { debs, tarballs } = fetchParts(root, folder);
  const unpacked = join(folder, 'unpacked');
  rmSync(unpacked, { recursive: true, force: true });
  for (const deb of debs) execFileSync('dpkg-deb', ['-x', deb, unpacked]);
  const [version = ''] = readdirSync(join(unpacked, 'lib/modules'));
  for (const name of ['bin', 'lib', 'proc', 'sys', 'dev', 'tmp', 'weir/bin', 'weir/build/bpf'])
    mkdirSync(join(machine, name), { recursive: true });
  cpSync(join(unpacked, 'bin/busybox'), join(machine, 'bin/busybox'));
  copy(join(unpacked, 'lib/aarch64-linux-gnu'), join(machine, 'lib/aarch64-linux-gnu'));
  copy(join(unpacked, 'usr/lib/aarch64-linux-gnu'), join(machine, 'lib/aarch64-linux-gnu'));
  copy(join(unpacked, 'lib/ld-linux-aarch64.so.1'), join(machine, 'lib/ld-linux-aarch64.so.1'));
  const veth = `lib/modules/${version}/kernel/drivers/net/veth.ko`;
  cpSync(join(unpacked, veth), join(machine, 'veth.ko'));
  const weir = join(machine, 'weir');
  for (const name of ['src', 'test', 'package.json']) copy(join(root, name), join(weir, name));
  cpSync(join(root, 'build/bpf/shield.o'), join(weir, 'build/bpf/shield.o'));
  for (const name of modules)
    cpSync(join(root, 'node_modules', name), join(weir, 'node_modules', name), {
      recursive: true,
      dereference: true,
    });
  const [node = '', koffi = ''] = tarballs;
  const unpack = (file: string, to: string, ...words: readonly string[]) => {
    mkdirSync(to, { recursive: true });
    execFileSync('tar', ['-xzf', file, '-C', to, '--strip-components=1', ...words]);
  };
  unpack(node, weir, 'package/bin/node');
  unpack(koffi, join(weir, 'node_modules/@koromix/koffi-linux-arm64'));
  writeFileSync(join(machine, 'init'), init);
  chmodSync(join(machine, 'init'), 0o755);
  const initramfs = join(folder, 'initramfs');
  writeFileSync(initramfs, archiveOf(machine));
  const kernel = join(unpacked, 'boot', `vmlinuz-${version}`);
  return { kernel, initramfs };
}

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

async function boot(kernel: string, initramfs: string): Promise<string> {
  const child = spawn(
    emulator,
    [
      ...['-machine', 'virt', '-cpu', 'cortex-a72', '-accel', 'tcg,thread=multi', '-smp', '2'],
      ...['-m', '3072', '-nographic', '-no-reboot', '-nic', 'none'],
      ...['-kernel', kernel, '-initrd', initramfs],
      ...['-append', 'console=ttyAMA0 quiet panic=-1 rdinit=/init'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), minutes * 60_000);
  await once(child, 'close');
  clearTimeout(timer);
  return output;
}
