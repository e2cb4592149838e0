/** Words for systemd, received on a real datagram socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { notifyServiceManager } from '#roles/service-manager.ts';
import { datagramReceiver } from '../support/datagram-receiver.ts';

describe('the service manager', { skip: process.platform !== 'linux' && 'needs Linux' }, () => {
  it('hears which process is the node, at a path and in the abstract namespace', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-notify-'));
    for (const path of [join(folder, 'notify'), `@weir-test-${process.pid}`]) {
      const manager = datagramReceiver(path);
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
