/** Changes behind a gate over the management API: what a replay let through goes with the change. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { FakeControl } from '../support/fake-control.ts';
import { FakeReplay } from '../support/fake-replay.ts';
import { call } from '../support/http-call.ts';

const token = 'a-token-for-tests-0123456789';
const replay = { recording: 'last', newBlocksMax: 0 };

describe('changes behind a gate', () => {
  const control = new FakeControl();
  let server: AdminServer;
  before(async () => {
    const logger = pino({ level: 'silent' });
    server = await startAdmin({ control, address: '127.0.0.1:0', token, logger });
  });
  after(() => server.close());
  const post = (path: string, body: object) =>
    call(server.address, 'POST', path, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const generation = () => control.tried?.generation;

  it('carry what it let through', async () => {
    assert.equal((await post('/api/v1/reload', { replay })).status, 200);
    assert.equal(generation(), 3);
    control.tried = null;
    const module = Buffer.from('\0asm').toString('base64');
    assert.equal((await post('/api/v1/modules/core', { module, replay })).status, 200);
    assert.equal(generation(), 3);
  });

  it('are not made where it refuses', async () => {
    const gate = control.parts.replay;
    assert.ok(gate instanceof FakeReplay);
    gate.newBlocks = 1;
    control.calls.length = 0;
    assert.equal((await post('/api/v1/reload', { replay })).status, 409);
    assert.deepEqual(control.calls, ['gate reload 0']);
  });
});
