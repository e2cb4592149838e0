/** L4 rules over the management API. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { FakeControl } from '../support/fake-control.ts';
import { call } from '../support/http-call.ts';

const token = 'a-token-for-tests-0123456789';
const authorization = `Bearer ${token}`;

describe('rules over the management API', () => {
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
  beforeEach(() => {
    control.calls.length = 0;
  });
  const post = (path: string, body: string) =>
    call(server.address, 'POST', path, {
      headers: { authorization, 'content-type': 'application/json' },
      body,
    });

  const ruleBodies = [
    { body: '{"action":"drop","source":"192.0.2.0/24","port":"80-90","order":1}', status: 200 },
    { body: '{"action":"pass","protocol":null,"ttlSeconds":60,"all":true}', status: 200 },
    { body: '{"action":"reject"}', status: 400 },
    { body: '{"port":"80"}', status: 400 },
    { body: '{"action":"drop","port":80}', status: 400, why: 'no silent conversion' },
    { body: '{"action":"drop","src":"192.0.2.1"}', status: 400, why: 'it would drop more' },
    { body: '{"action":"drop","order":0}', status: 400 },
    { body: '{"action":"drop","order":257}', status: 400 },
    { body: '{"action":"drop","reason":"\\u001b[31m"}', status: 400 },
  ];
  for (const { body, status } of ruleBodies) {
    it(`POST /api/v1/rules with ${body} answers ${status}`, async () => {
      const answer = await post('/api/v1/rules', body);
      assert.equal(answer.status, status, answer.body);
      assert.deepEqual(control.calls, status === 200 ? ['rules.add'] : []);
    });
  }

  it('hands a rule to the control with the two ends of its connection', async () => {
    await post('/api/v1/rules', '{"action":"pass","port":"22"}');
    const { port } = new URL(server.address);
    assert.deepEqual(control.rules.callers.at(-1), {
      address: '127.0.0.1',
      localAddress: '127.0.0.1',
      localPort: Number(port),
    });
  });

  for (const path of ['/api/v1/rules/0', '/api/v1/rules/x', '/api/v1/rules/1e3'])
    it(`DELETE ${path} names no rule`, async () => {
      const answer = await call(server.address, 'DELETE', path, { headers: { authorization } });
      assert.equal(answer.status, 400);
    });
});
