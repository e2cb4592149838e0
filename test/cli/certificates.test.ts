/** What the command line says of certificates that come by ACME. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import pino from 'pino';
import type { CertificateStatus } from '#admin/control.ts';
import { type AdminServer, startAdmin } from '#admin/server.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { exampleCertificate, FakeControl } from '../support/fake-control.ts';

const token = 'a'.repeat(43);
const directory = mkdtempSync(join(tmpdir(), 'weir-cli-acme-'));
const control = new FakeControl();
let server: AdminServer;

before(async () => {
  const logger = pino({ level: 'silent' });
  server = await startAdmin({ control, address: '127.0.0.1:0', token, logger });
  const state = join(directory, '.weir');
  mkdirSync(state);
  const startedAt = '2026-01-02T03:04:05Z';
  const run = { pid: process.pid, admin: server.address, startedAt, version: '0.1.0' };
  writeFileSync(join(state, 'edge.json'), JSON.stringify(run));
  writeFileSync(join(state, 'token'), `${token}\n`, { mode: 0o600 });
});
after(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  control.certificates = [];
});

const weir = (...argv: string[]) => runCliProcess(argv, { cwd: directory });

const awaiting: CertificateStatus = {
  ...exampleCertificate,
  state: 'awaiting',
  isRenewing: true,
  notAfter: null,
  sha256: null,
};
const failing: CertificateStatus = {
  ...exampleCertificate,
  names: ['shop.example.org'],
  state: 'failing',
  failures: 3,
  lastError: 'the ACME server refused an order: too many (rateLimited)\u001b[2J',
};

describe('certificates that come by ACME', () => {
  it('are listed with their state, their end and what went wrong', async () => {
    control.certificates = [exampleCertificate, awaiting, failing];
    const { exit, stdout } = await weir('cert', 'list');
    assert.equal(exit, 0);
    assert.equal(
      stdout,
      `NAMES                         STATE               VALID UNTIL           RENEWS                LAST ERROR
example.org, www.example.org  valid               2026-04-02 03:04:05Z  2026-03-03 03:04:05Z
example.org, www.example.org  awaiting, renewing  none yet              2026-03-03 03:04:05Z
shop.example.org              failing             2026-04-02 03:04:05Z  2026-03-03 03:04:05Z  the ACME server refused an order: too many (rateLimited)\ufffd[2J
`,
    );
    const json = JSON.parse((await weir('cert', 'list', '--json')).stdout);
    assert.deepEqual(json, { certificates: control.certificates });
  });

  it('are said not to be there, with what to write', async () => {
    const { stdout } = await weir('cert', 'list');
    assert.match(stdout, /no certificates are obtained by ACME; name them under edge\.listeners/);
  });

  it('stand on the status page where there are any', async () => {
    assert.doesNotMatch((await weir('status')).stdout, /^certificates/m);
    control.certificates = [exampleCertificate];
    assert.match(
      (await weir('status')).stdout,
      /^certificates {2}example\.org, www\.example\.org {2}valid {2}2026-04-02 03:04:05Z/m,
    );
  });

  const renewals: readonly [CertificateStatus, exit: number, says: RegExp][] = [
    [exampleCertificate, 0, /^example\.org, www\.example\.org: renewed, valid until 2026-04-02/],
    [{ ...exampleCertificate, isRenewing: true }, 0, /still at work; "weir cert list" shows/],
    [
      { ...failing, names: exampleCertificate.names },
      1,
      /too many \(rateLimited\)\ufffd\[2J; tried again at 2026-03-03/,
    ],
  ];
  for (const [answer, exit, says] of renewals) {
    it(`a renewal ends with ${exit} and ${says.source.slice(0, 30)}`, async () => {
      control.certificates = [answer];
      const result = await weir('cert', 'renew', 'www.example.org');
      assert.equal(result.exit, exit);
      assert.match(result.stdout, says);
    });
  }

  it('a name nobody manages is an error', async () => {
    const { exit, stderr } = await weir('cert', 'renew', 'other.org');
    assert.equal(exit, 1);
    assert.match(stderr, /no managed certificate is for "other\.org"/);
  });
});
