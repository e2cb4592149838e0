import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { certificateNames } from '#core/certificate-names.ts';

const rows: readonly [why: string, subjectAltName: string | undefined, names: readonly string[]][] =
  [
    ['no extension', undefined, []],
    [
      'DNS names in lower case, once',
      'DNS:A.Example, DNS:a.example, DNS:*.Example',
      ['a.example', '*.example'],
    ],
    ['addresses and others are no names', 'IP Address:192.0.2.1, email:a@b.example, DNS:b', ['b']],
    [
      'a quoted value cannot make itself look like two',
      'DNS:"evil.example, DNS:good.example", DNS:c',
      ['c'],
    ],
    ['an escaped quote does not end a quoted value', 'DNS:"a\\", DNS:b", DNS:c', ['c']],
    ['what is no host name', 'DNS:a..b, DNS:*, DNS:a.*.b, DNS:-a, DNS:*.a', ['*.a']],
  ];
for (const [why, subjectAltName, names] of rows) {
  test(why, () => {
    assert.deepEqual(certificateNames({ subjectAltName } as X509Certificate), names);
  });
}
