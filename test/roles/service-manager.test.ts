/** Words for systemd, received on a real datagram socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import koffi from 'koffi';
import { notifyServiceManager } from '#roles/service-manager.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** A datagram socket as systemd holds one; `@` names the abstract namespace. */
function receiver(path: string): { next(): string | null; close(): void } {
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, const void *, uint32_t)');
  const recv = libc.func('int64_t recv(int, _Out_ uint8_t *, size_t, int)');
  const close = libc.func('int close(int)');
  const name = Buffer.from(path.replace(/^@/, '\0'));
  const address = Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), name]);
  const descriptor = socket(AF_UNIX, SOCK_DGRAM, 0) as number;
  assert.equal(bind(descriptor, address, address.length), 0);
  return {
    // A datagram on this machine is there when it has been sent.
    next: () => {
      const bytes = Buffer.alloc(1_000);
      const length = Number(recv(descriptor, bytes, bytes.length, MSG_DONTWAIT));
      return length < 0 ? null : bytes.toString('latin1', 0, length);
    },
    close: () => close(descriptor),
  };
}

describe('the service manager', { skip: process.platform !== 'linux' && 'needs Linux' }, () => {
  it('hears which process is the node, at a path and in the abstract namespace', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-notify-'));
    for (const path of [join(folder, 'notify'), `@weir-test-${process.pid}`]) {
      const manager = receiver(path);
      assert.equal(notifyServiceManager(['MAINPID=42', 'READY=1'], path), null);
      assert.equal(manager.next(), 'MAINPID=42\nREADY=1');
      assert.equal(manager.next(), null);
      manager.close();
    }
    rmSync(folder, { recursive: true });
  });

  it('is not spoken to where nobody asked for it', () => {
    assert.equal(notifyServiceManager(['READY=1'], ''), null);
  });

  it('that cannot be reached is a reason, and no error', () => {
    assert.match(String(notifyServiceManager(['READY=1'], '/nonexistent/notify')), /errno 2/);
    assert.match(String(notifyServiceManager(['READY=1'], 'x'.repeat(200))), /too long/);
  });
});
