/**
 * A process that issues in a loop and is killed in the middle of it: whatever it acknowledged is there afterwards, the
 * next one issues in places of its own, and nothing it has said contradicts what others have heard.
 *
 * A killed process leaves what it wrote to the page cache; that commits are synced to the disk as well is asserted of
 * the database's own setting, since nothing short of a power cut shows it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FleetMembers } from '../support/fleet-members.ts';

const issuer = fileURLToPath(new URL('../support/issue-in-a-loop.ts', import.meta.url));
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 8);

describe('a member that is killed while it issues', () => {
  it('has all that it acknowledged, and a peer takes all of it', async (test) => {
    using fleet = new FleetMembers(['a', 'b'], { a: { budget: 1_000_000 } }, Date.now());
    const keyFile = join(fleet.folder, 'a.key');
    writeFileSync(keyFile, fleet.key('a').export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    });
    const trustFile = join(fleet.folder, 'trust.json');
    writeFileSync(trustFile, JSON.stringify(fleet.trustFile));
    const acknowledged = new Map<string, Buffer>();
    for (let round = 0; round < rounds; round++) {
      const parameters = [issuer, fleet.folderOf('a'), trustFile, keyFile, String(round)];
      const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(child, 'exit');
      const wanted = 1 + ((round * 37) % 60);
      let seen = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        const [target = '', bytes = ''] = line.split(' ');
        // Half a line is what it was about to say.
        if (!bytes.endsWith('.')) continue;
        acknowledged.set(target, Buffer.from(bytes.slice(0, -1), 'base64'));
        if (++seen === wanted) child.kill('SIGKILL');
      }
      const [, signal] = (await exited) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL');
      assert.ok(seen >= wanted);
    }
    test.diagnostic(`${acknowledged.size} decisions acknowledged over ${rounds} kills`);
    const [a, b] = [fleet.log('a', Date.now()), fleet.log('b', Date.now())];
    for (const [target, bytes] of acknowledged) {
      assert.notEqual(a.enforced.find(target), null, `${target} is lost`);
      assert.notEqual(b.accept(bytes, Date.now()).kind, 'refused');
    }
    assert.equal(b.doubled.size, 0);
    const { batches } = a.piece({ buckets: null, after: null, bytesMax: 1e9 });
    b.acceptAll(batches, Date.now());
    assert.equal(b.digest().root, a.digest().root);
    assert.equal(a.synchronous, 'full');
  });
});
