import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compileTokenCheck, isOwnHost, isOwnOrigin } from '#admin/caller-checks.ts';

const hosts = [
  { host: 'localhost', own: true },
  { host: 'LOCALHOST:9999', own: true },
  { host: '127.0.0.1:9999', own: true },
  { host: '127.8.9.10', own: true },
  { host: '[::1]:9999', own: true },
  { host: '192.0.2.5:9999', own: true, why: 'the address bound' },
  { host: '192.0.2.6:9999', own: false },
  { host: '127.0.0.1.rebound.example', own: false },
  { host: 'localhost.rebound.example', own: false },
  { host: 'localhost:9999@rebound.example', own: false },
  { host: '127.0.0.1, rebound.example', own: false },
  { host: '127.0.0.1:999999', own: false },
  { host: '[::1', own: false },
  { host: '', own: false },
  { host: undefined, own: false },
];
for (const { host, own } of hosts) {
  it(`Host ${host ?? 'missing'} is ${own ? 'ours' : 'refused'}`, () => {
    assert.equal(isOwnHost(host, '192.0.2.5'), own);
  });
}

const origins = [
  { origin: undefined, own: true },
  { origin: 'http://localhost:9999', own: true },
  { origin: 'https://localhost:9999', own: false },
  { origin: 'http://localhost:8080', own: false, why: 'another server on this machine' },
  { origin: 'null', own: false, why: 'a sandboxed frame' },
  { origin: '', own: false },
];
for (const { origin, own } of origins) {
  it(`Origin ${origin ?? 'missing'} is ${own ? 'ours' : 'refused'}`, () => {
    assert.equal(isOwnOrigin(origin, 'localhost:9999'), own);
  });
}

const tokens = [
  { given: 'Bearer right', outcome: 'ok' },
  { given: 'bearer  right ', outcome: 'ok', why: 'the scheme has no case (RFC 9110, 11.1)' },
  { given: 'Bearer wrong', outcome: 'wrong' },
  { given: 'Bearer righ', outcome: 'wrong' },
  { given: 'Bearer rightt', outcome: 'wrong' },
  { given: 'Bearer', outcome: 'missing' },
  { given: 'right', outcome: 'missing' },
  { given: `Bearer ${'x'.repeat(513)}`, outcome: 'missing', why: 'bounded' },
  { given: undefined, outcome: 'missing' },
];
for (const { given, outcome } of tokens) {
  it(`Authorization ${given?.slice(0, 20) ?? 'missing'} is ${outcome}`, () => {
    assert.equal(compileTokenCheck('right')(given), outcome);
  });
}
