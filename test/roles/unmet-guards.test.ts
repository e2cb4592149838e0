import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KernelSettings } from '../../src/config/kernel-schema.ts';
import { unmetGuards } from '../../src/roles/unmet-guards.ts';

const settings = {
  rates: { packetsPerSecond: 0, synsPerSecond: 0, udpPerSecond: 0, kilobytesPerSecond: 0 },
  fragments: 'pass',
  amplification: 'pass',
  synCookies: 'auto',
  detect: { mode: 'block' },
} as unknown as KernelSettings;
const refused = [
  { step: 'xdp-native', reason: 'EOPNOTSUPP' },
  { step: 'xdp-generic', reason: 'it needs CAP_BPF' },
] as const;

describe('what is asked of a packet program that is not there', () => {
  const rows: readonly (readonly [string, Partial<KernelSettings>, string | null])[] = [
    ['nothing', {}, null],
    [
      'fragments',
      { fragments: 'drop' },
      'kernel.fragments needs the packet program and is not in force, as this node is on step nftables: it needs CAP_BPF',
    ],
    [
      'rates and cookies',
      { rates: { ...settings.rates, udpPerSecond: 1 }, synCookies: 'always' },
      'kernel.rates, kernel.synCookies need the packet program and are not in force, as this node is on step nftables: it needs CAP_BPF',
    ],
  ];
  for (const [name, change, said] of rows)
    it(`${name}: ${said === null ? 'is nothing to say' : 'is said to be not in force'}`, () => {
      const kernel = { ...settings, ...change };
      assert.equal(unmetGuards(kernel, { step: 'nftables', refused }), said);
      assert.equal(unmetGuards(kernel, { step: 'xdp-generic', refused: [] }), null);
    });

  it('says so too where nobody wanted the program', () =>
    assert.match(
      unmetGuards({ ...settings, fragments: 'drop' }, { step: 'accept', refused: [] }) ?? '',
      /step accept: kernel\.xdp is off$/,
    ));
});
