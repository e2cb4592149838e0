/** A call that a control plane has granted: by its role, and with the body that was granted. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import type { ApiRole } from '#admin/api-roles.ts';
import { type AdminServer, type GrantedCall, startAdmin } from '#admin/server.ts';
import { FakeControl } from '../support/fake-control.ts';
import { call } from '../support/http-call.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const body = '{"target":"192.0.2.7"}';

describe('a granted call', () => {
  let control: FakeControl;
  let server: AdminServer;
  let granted: GrantedCall | 'wrong' | null;
  const grant = (role: ApiRole, bodySha256 = sha256(body)) => {
    granted = { caller: { name: 'ci by orchestrator', role }, bodySha256 };
  };
  const send = async (method: string, path: string, sent?: string) => {
    const answer = await call(server.address, method, path, {
      headers: {
        authorization: 'Weir-Grant x.y',
        connection: 'close',
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(sent === undefined ? {} : { body: sent }),
    });
    return answer.status;
  };
  before(async () => {
    control = new FakeControl();
    server = await startAdmin({
      ...{ control, address: '127.0.0.1:0', token: 't'.repeat(32) },
      logger: pino({ level: 'silent' }),
      grants: () => granted,
    });
  });
  after(() => server.close());
  beforeEach(() => {
    control.calls.length = 0;
    granted = null;
  });

  it('is done with the body it was granted for', async () => {
    grant('operate');
    assert.equal(await send('POST', '/api/v1/blocks', body), 200);
    assert.deepEqual(control.calls, ['addBlock']);
  });

  const others: readonly (readonly [string, string | undefined])[] = [
    ['another one', '{"target":"192.0.2.8"}'],
    ['more of it', `${body} `],
    ['none', undefined],
    ['an empty one', ''],
  ];
  for (const [what, sent] of others)
    it(`is not done with ${what}`, async () => {
      grant('operate');
      const status = await send('POST', '/api/v1/stop', sent);
      assert.equal(status, 403);
      const read = await send('POST', '/api/v1/blocks', sent);
      assert.ok([400, 403].includes(read), String(read));
      assert.deepEqual(control.calls, []);
    });

  it('is done by its role alone', async () => {
    grant('read', sha256(''));
    assert.equal(await send('GET', '/api/v1/status'), 200);
    assert.equal(await send('POST', '/api/v1/drain'), 403);
    grant('operate', sha256(''));
    assert.equal(await send('POST', '/api/v1/drain'), 200);
    for (const [method, path] of [
      ['POST', '/api/v1/upgrade'],
      ['POST', '/api/v1/modules/core'],
      ['POST', '/api/v1/modules/core/rollback'],
      ['DELETE', '/api/v1/modules/core/versions/2'],
    ] as const)
      assert.equal(await send(method, path), 403, path);
    assert.deepEqual(control.calls, ['status', 'drain']);
  });

  it('that is refused is as good as no token', async () => {
    granted = 'wrong';
    assert.equal(await send('GET', '/api/v1/status'), 401);
    assert.deepEqual(control.calls, []);
  });
});
