/** The client against a strict ACME server on this machine: real TLS, real proofs, faults put in. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ordersMax } from '#acme/certificate-manager.ts';
import type { ManagedStatus } from '#acme/managed-certificate.ts';
import { AcmeBench, isGood, names } from '../support/acme-bench.ts';
import { AcmeServer } from '../support/acme-server.ts';
import { until } from '../support/until.ts';

describe('a managed certificate', () => {
  for (const kind of ['http-01', 'tls-alpn-01'] as const) {
    for (const accountKey of ['ES256', 'EdDSA'] as const) {
      it(`is obtained by ${kind} with an account key for ${accountKey}`, async () => {
        await using bench = await AcmeBench.start();
        const manager = await bench.manager({ challenges: [kind], accountKey });
        assert.deepEqual(manager.live(names), { record: null, awaited: names });
        assert.match(bench.degraded.get('certificate example.org') ?? '', /no certificate for/);
        isGood(await manager.renew('www.example.org'));
        const { record, awaited } = manager.live(names);
        assert.deepEqual(awaited, []);
        const leaf = new X509Certificate(record?.certificate ?? '');
        assert.equal(leaf.checkHost('www.example.org'), 'www.example.org');
        assert.deepEqual(
          bench.server.validated.map(({ name, type, problem }) => [name, type, problem]).toSorted(),
          [
            ['example.org', kind, null],
            ['www.example.org', kind, null],
          ],
        );
        assert.deepEqual(bench.degraded, new Map());
        assert.deepEqual([bench.live, bench.renewals], [1, ['ok']]);
        assert.deepEqual(bench.responder.live, { http: [], tls: [] });
      });
    }
  }

  it('is obtained by itself when it is missing, and only then', async () => {
    await using bench = await AcmeBench.start();
    const first = await bench.manager();
    const ended = bench.ended;
    first.start();
    await ended;
    await first.close();
    const calls = bench.server.calls.length;
    const second = await bench.manager();
    isGood(second.list()[0] as ManagedStatus);
    second.start();
    await second.close();
    assert.ok(!bench.server.calls.slice(calls).includes('POST /new-order'));
    assert.equal(bench.server.accountsMade, 1);
  });

  it('is renewed two thirds into its life, with a new key', async () => {
    await using bench = await AcmeBench.start({ lifeMs: 4_000 });
    const manager = await bench.manager();
    manager.start();
    await bench.ended;
    const before = manager.live(names).record;
    const { renewsAt, notAfter } = manager.list()[0] as ManagedStatus;
    assert.ok(Date.parse(renewsAt) < Date.parse(notAfter ?? ''));
    await bench.ended;
    const after = manager.live(names).record;
    assert.notEqual(after?.certificate, before?.certificate);
    assert.notEqual(after?.privateKey, before?.privateKey);
    assert.deepEqual(bench.renewals, ['ok', 'ok']);
  });

  it('is not looked at before every worker answers for it', async () => {
    await using bench = await AcmeBench.start();
    const { promise, resolve } = Promise.withResolvers<void>();
    bench.responder.held = promise;
    const renewed = (await bench.manager()).renew('example.org');
    await until('a challenge is shown', () => bench.responder.published.length > 0);
    await bench.server.settle();
    assert.equal(bench.server.count('POST /challenge'), 0);
    resolve();
    isGood(await renewed);
  });

  it('keys lie on disk for the owner alone, and no order is left', async () => {
    await using bench = await AcmeBench.start();
    await (await bench.manager()).renew('example.org');
    assert.deepEqual(bench.files().toSorted(), ['account.json', 'certificate.json']);
    assert.equal(statSync(join(bench.state, 'acme')).mode & 0o777, 0o700);
    for (const name of readdirSync(join(bench.state, 'acme')))
      assert.equal(statSync(join(bench.state, 'acme', name)).mode & 0o777, 0o600);
  });

  it('survives nonces that are refused, as often as bounded and no more', async () => {
    await using bench = await AcmeBench.start();
    const manager = await bench.manager();
    bench.server.faults.badNonces = 4;
    isGood(await manager.renew('example.org'));
    bench.server.faults.badNonces = 5;
    const status = await manager.renew('example.org');
    assert.match(status.lastError ?? '', /badNonce/);
  });

  it('waits for an order that takes its time', async () => {
    await using bench = await AcmeBench.start();
    bench.server.faults.processingPolls = 2;
    isGood(await (await bench.manager()).renew('example.org'));
  });

  it('says what the server says of a proof that fails, and begins anew', async () => {
    await using bench = await AcmeBench.start();
    bench.server.faults.refusedNames.add('www.example.org');
    const manager = await bench.manager();
    const status = await manager.renew('example.org');
    assert.equal(status.state, 'failing');
    assert.match(
      status.lastError ?? '',
      /refused the tls-alpn-01 proof of www\.example\.org: no such host \(unauthorized\)/,
    );
    assert.match(bench.degraded.get('certificate example.org') ?? '', /no such host/);
    assert.ok(Date.parse(status.renewsAt) >= Date.now() + 55_000);
    assert.deepEqual(bench.files().toSorted(), ['account.json', 'failure.json']);
    bench.server.faults.refusedNames.clear();
    isGood(await manager.renew('example.org'));
    // The kind that failed is not the one tried next.
    assert.equal(bench.server.validated.at(-1)?.type, 'http-01');
  });

  it('leaves a server alone as long as it asks for', async () => {
    await using bench = await AcmeBench.start();
    bench.server.faults.rateLimits = 1;
    bench.server.faults.retryAfter = '7200';
    const status = await (await bench.manager()).renew('example.org');
    assert.match(status.lastError ?? '', /too many orders \(rateLimited\)/);
    assert.ok(Date.parse(status.renewsAt) >= Date.now() + 7_190_000);
  });

  it('an order that was cut off is taken up again, not made again', async () => {
    await using bench = await AcmeBench.start();
    bench.server.faults.cut.add('/finalize');
    const first = await bench.manager();
    assert.equal((await first.renew('example.org')).state, 'failing');
    assert.deepEqual(bench.files().toSorted(), ['account.json', 'failure.json', 'order.json']);
    await first.close();
    const second = await bench.manager();
    isGood(await second.renew('example.org'));
    assert.equal(bench.server.count('POST /new-order'), 1);
    assert.equal(bench.server.validated.length, 2);
  });

  it('an account the server has lost is made again with the same key', async () => {
    await using bench = await AcmeBench.start();
    const manager = await bench.manager();
    await manager.renew('example.org');
    bench.server.faults.forgetAccounts = true;
    isGood(await manager.renew('example.org'));
    assert.equal(bench.server.accountsMade, 2);
  });

  it('an address that changes is told to the server', async () => {
    await using bench = await AcmeBench.start();
    await (await bench.manager()).renew('example.org');
    await (await bench.manager({ email: 'new@example.org' })).renew('example.org');
    assert.deepEqual(bench.server.contacts, [['mailto:new@example.org']]);
  });

  it('is bound to an external account where the server asks for one', async () => {
    const external = { keyId: 'kid-1', hmacKey: Buffer.from('0123456789abcdef') };
    await using bench = await AcmeBench.start({ external });
    const without = await (await bench.manager()).renew('example.org');
    assert.match(without.lastError ?? '', /set acme\.externalAccount/);
    isGood(await (await bench.manager({ external })).renew('example.org'));
  });

  it('is never asked for without agreeing to the terms', async () => {
    await using bench = await AcmeBench.start();
    const status = await (await bench.manager({ agreeToTerms: false })).renew('example.org');
    assert.match(status.lastError ?? '', /agree to the terms of service/);
  });

  it('is renewed early when the server wants that, and names the one it replaces', async () => {
    await using bench = await AcmeBench.start({
      renewalInfo: { start: '2020-01-01T00:00:00Z', end: '2020-01-02T00:00:00Z' },
    });
    const manager = await bench.manager();
    await manager.renew('example.org');
    // Just obtained, it is not asked about: a server that always says "now" is not asked for ever.
    assert.ok(!bench.server.calls.some((call) => call.includes('renewal-info')));
    await manager.close();
    const ended = bench.ended;
    (await bench.manager()).start();
    await ended;
    assert.equal(bench.server.issued.length, 2);
    assert.equal(bench.server.issued[0]?.replaces, undefined);
    assert.match(String(bench.server.issued[1]?.replaces), /^[\w-]+\.[\w-]+$/);
  });

  it('goes on for the names it has when others are added', async () => {
    await using bench = await AcmeBench.start();
    await (await bench.manager({}, [['example.org']])).renew('example.org');
    const manager = await bench.manager({}, [names]);
    const { record, awaited } = manager.live(names);
    assert.notEqual(record, null);
    assert.deepEqual(awaited, ['www.example.org']);
    isGood(await manager.renew('example.org'));
    assert.deepEqual(manager.live(names).awaited, []);
  });

  it('is ordered anew when the server is another', async () => {
    await using bench = await AcmeBench.start();
    await (await bench.manager()).renew('example.org');
    await using other = await AcmeServer.start(bench.responder.ports);
    const settings = { directory: other.directory, ca: other.authority.root };
    const manager = await bench.manager(settings);
    assert.notEqual(manager.live(names).record, null);
    const ended = bench.ended;
    manager.start();
    await ended;
    assert.equal(other.issued.length, 1);
  });

  it('that cannot be made live is kept, and not ordered again', async () => {
    await using bench = await AcmeBench.start();
    const manager = await bench.manager();
    bench.goLive = () => Promise.reject(new Error('a worker refuses'));
    const status = await manager.renew('example.org');
    assert.match(status.lastError ?? '', /obtained, but not live: a worker refuses/);
    assert.match(bench.degraded.get('certificate example.org') ?? '', /a worker refuses/);
    assert.ok(Date.parse(status.renewsAt) > Date.now() + 600_000);
    assert.ok(bench.files().includes('certificate.json'));
  });

  it('whose file is damaged is left out and obtained anew', async () => {
    await using bench = await AcmeBench.start();
    await (await bench.manager()).renew('example.org');
    const folder = join(bench.state, 'acme');
    const file = readdirSync(folder).find((name) => name.startsWith('certificate')) as string;
    writeFileSync(join(folder, file), readFileSync(join(folder, file), 'utf8').slice(0, 300));
    const manager = await bench.manager();
    assert.equal(manager.live(names).record, null);
    isGood(await manager.renew('example.org'));
  });

  it('that failed is not tried again at once by a process started anew, but with other settings it is', async () => {
    await using bench = await AcmeBench.start();
    bench.server.faults.rateLimits = 1;
    bench.server.faults.retryAfter = '7200';
    const first = await bench.manager();
    const failed = await first.renew('example.org');
    await first.close();
    const second = await bench.manager();
    second.start();
    assert.deepEqual(second.list(), [failed]);
    assert.match(bench.degraded.get('certificate example.org') ?? '', /too many orders/);
    await second.close();
    assert.equal(bench.server.issued.length, 0);
    const ended = bench.ended;
    const third = await bench.manager({ email: 'other@example.org' });
    third.start();
    await ended;
    isGood(third.list()[0] as ManagedStatus);
    assert.deepEqual(bench.files().toSorted(), ['account.json', 'certificate.json']);
  });

  it('whose authority dates back is renewed in its real life', async () => {
    await using bench = await AcmeBench.start({ lifeMs: 3_600_000, backdateMs: 36_000_000 });
    const { renewsAt } = await (await bench.manager()).renew('example.org');
    assert.ok(Date.parse(renewsAt) > Date.now() + 2_000_000);
  });

  it('whose download was cut off is taken up without another one being signed', async () => {
    await using bench = await AcmeBench.start();
    bench.server.faults.cut.add('/certificate');
    const manager = await bench.manager();
    assert.equal((await manager.renew('example.org')).state, 'failing');
    isGood(await manager.renew('example.org'));
    assert.equal(bench.server.issued.length, 1);
  });

  it('is obtained with no more than so many orders under way', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    await using bench = await AcmeBench.start({ tlsPort: promise });
    const all = Array.from({ length: ordersMax + 3 }, (_, index) => [`n${index}.example.org`]);
    const manager = await bench.manager({}, all);
    manager.start();
    await until('orders up to the limit', () => bench.server.count('POST /challenge') >= ordersMax);
    assert.equal(bench.server.count('POST /new-order'), ordersMax);
    assert.equal(manager.list().filter(({ isRenewing }) => isRenewing).length, ordersMax);
    resolve(bench.responder.ports.tlsPort);
    await until('every order has ended', () => bench.renewals.length >= all.length);
    assert.deepEqual(new Set(bench.renewals), new Set(['ok']));
    assert.equal(bench.server.accountsMade, 1);
  });

  it('what is no longer wanted is taken away: failures at once, certificates when they expire', async (test) => {
    await using bench = await AcmeBench.start();
    await (await bench.manager()).renew('example.org');
    bench.server.faults.rateLimits = 1;
    await (await bench.manager({}, [['other.org']])).renew('other.org');
    assert.deepEqual(bench.files().toSorted(), [
      'account.json',
      'certificate.json',
      'failure.json',
    ]);
    const [first] = bench.managers;
    const notAfter = first?.list()[0]?.notAfter ?? '';
    await first?.close();
    test.mock.timers.enable({ apis: ['Date'], now: Date.parse(notAfter) + 1 });
    await bench.manager({}, [['third.org']]);
    assert.deepEqual(bench.files(), ['account.json']);
  });

  it('by a name nobody manages is an error that names those there are', async () => {
    await using bench = await AcmeBench.start();
    const manager = await bench.manager();
    await assert.rejects(manager.renew('other.org'), {
      code: 'CERTIFICATE_UNKNOWN',
      message: /example\.org, www\.example\.org/,
    });
  });

  it('of a server that is not there fails with the reason and is tried again', async () => {
    await using bench = await AcmeBench.start();
    const manager = await bench.manager({ directory: 'https://127.0.0.1:1/directory' });
    const status = await manager.renew('example.org');
    assert.match(status.lastError ?? '', /127\.0\.0\.1:1 cannot be asked for its directory/);
    assert.deepEqual(bench.renewals, ['failed']);
  });

  it('is not taken from a server whose certificate does not verify', async () => {
    await using bench = await AcmeBench.start();
    const status = await (await bench.manager({ ca: null })).renew('example.org');
    assert.match(status.lastError ?? '', /certificate/);
    assert.deepEqual(bench.server.calls, []);
  });
});
