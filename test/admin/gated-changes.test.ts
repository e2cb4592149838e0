/** Changes over the management API that a replay has let through. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { FakeControl } from '../support/fake-control.ts';
import { call } from '../support/http-call.ts';

const token = 'a-token-for-tests-0123456789';

describe('changes behind a gate', () => {
  let control: FakeControl;
  let server: AdminServer;
  before(async () => {
    control = new FakeControl();
    server = await startAdmin({
      control,
      address: '127.0.0.1:0',
      token,
      logger: pino({ level: 'silent' }),
    });
  });
  after(() => server.close());

  it('carry what the gate let through', async () => {
    const replay = { recording: 'last', newBlocksMax: 0 };
    const post = (path: string, body: object) =>
      call(server.address, 'POST', path, {
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const generation = () => control.tried?.generation;
    control.tried = null;
    assert.equal((await post('/api/v1/reload', { replay })).status, 200);
    assert.equal(generation(), 3);
    control.tried = null;
    const load = { module: Buffer.from('\0asm').toString('base64'), replay };
    assert.equal((await post('/api/v1/modules/core', load)).status, 200);
    assert.equal(generation(), 3);
  });
});
