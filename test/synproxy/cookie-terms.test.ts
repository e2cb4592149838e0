import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CookieMode, cookieTerms, windowScaleOf } from '../../src/synproxy/cookie-terms.ts';

const usual: Readonly<Record<string, string>> = {
  '/proc/sys/net/ipv4/tcp_syncookies': '1\n',
  '/proc/sys/net/ipv4/tcp_timestamps': '2\n',
  '/proc/sys/net/ipv4/tcp_window_scaling': '1\n',
  '/proc/sys/net/ipv4/tcp_sack': '1\n',
  '/proc/sys/net/ipv4/tcp_rmem': '4096\t131072\t33554432\n',
  '/proc/sys/net/core/rmem_max': '212992\n',
  '/sys/class/net/eth0/mtu': '1500\n',
};
const asked = (changes: Record<string, string | null> = {}, mode: CookieMode = 'on-demand') =>
  cookieTerms(mode, 'eth0', (path) => {
    const short = Object.keys(changes).find((name) => path.endsWith(`/${name}`));
    return (short === undefined ? usual[path] : changes[short]) ?? null;
  });

test('where timestamps have no offset all options are offered, as the kernel would', () => {
  assert.deepEqual(asked(), {
    ok: true,
    terms: {
      timestamps: true,
      sack: true,
      windowScaling: true,
      windowScale: 10,
      window: 65_535,
      mss4: 1_460,
      mss6: 1_440,
      notes: [],
    },
  });
});

const lesser = [
  {
    name: 'tcp_timestamps',
    value: '1',
    offers: { timestamps: false, sack: false, windowScaling: false, windowScale: 0 },
  },
  {
    name: 'tcp_timestamps',
    value: '0',
    offers: { timestamps: false, sack: false, windowScaling: false, windowScale: 0 },
  },
  {
    name: 'tcp_sack',
    value: '0',
    offers: { timestamps: true, sack: false, windowScaling: true, windowScale: 10 },
  },
  {
    name: 'tcp_window_scaling',
    value: '0',
    offers: { timestamps: true, sack: true, windowScaling: false, windowScale: 0 },
  },
  { name: 'rmem_max', value: '67108864', offers: { windowScale: 11 } },
  { name: 'mtu', value: '9000', offers: { mss4: 8_960, mss6: 8_940 } },
  { name: 'mtu', value: '1000', offers: { mss4: 960, mss6: 1_220 } },
];
for (const { name, value, offers } of lesser) {
  test(`${name} ${value} gives ${JSON.stringify(offers)}`, () => {
    const answer = asked({ [name]: value });
    assert.ok(answer.ok);
    for (const [field, expected] of Object.entries(offers))
      assert.equal(answer.terms[field as keyof typeof answer.terms], expected, field);
    const isNoted = name === 'tcp_timestamps';
    assert.equal(answer.terms.notes.length, isNoted ? 1 : 0);
    if (isNoted) assert.match(answer.terms.notes[0] ?? '', /sysctl -w net.ipv4.tcp_timestamps=2/);
  });
}

const refused: readonly {
  mode: CookieMode;
  name: string;
  value: string | null;
  reason: RegExp;
  fix: RegExp;
}[] = [
  {
    mode: 'on-demand',
    name: 'tcp_syncookies',
    value: '0',
    reason: /is 0, so the kernel makes no cookies/,
    fix: /tcp_syncookies=1$/,
  },
  { mode: 'always', name: 'tcp_syncookies', value: '0', reason: /is 0/, fix: /tcp_syncookies=2$/ },
  {
    mode: 'always',
    name: 'tcp_syncookies',
    value: '1',
    reason: /only when its queue is full/,
    fix: /=2$/,
  },
  {
    mode: 'always',
    name: 'tcp_syncookies',
    value: null,
    reason: /tcp_syncookies cannot be read/,
    fix: /readable/,
  },
  {
    mode: 'on-demand',
    name: 'tcp_timestamps',
    value: 'x',
    reason: /says "x"/,
    fix: /tcp_timestamps/,
  },
  {
    mode: 'on-demand',
    name: 'tcp_rmem',
    value: '4096 131072',
    reason: /tcp_rmem cannot be read/,
    fix: /tcp_rmem/,
  },
  { mode: 'on-demand', name: 'mtu', value: null, reason: /mtu cannot be read/, fix: /mtu/ },
  {
    mode: 'on-demand',
    name: 'mtu',
    value: '68',
    reason: /MTU of eth0 is 68/,
    fix: /ip link set eth0 mtu 1500/,
  },
];
for (const { mode, name, value, reason, fix } of refused) {
  test(`${mode} with ${name} ${value} is refused with the line that mends it`, () => {
    const answer = asked({ [name]: value }, mode);
    assert.ok(!answer.ok);
    assert.match(answer.reason, reason);
    assert.match(answer.fix, fix);
  });
}

test('window scale is that of the kernel at its bounds', () => {
  const cases = [
    [0, 0],
    [65_535, 0],
    [65_536, 1],
    [6_291_456, 7],
    [33_554_432, 10],
    [2 ** 31 - 1, 14],
  ] as const;
  for (const [bytes, scale] of cases) assert.equal(windowScaleOf(bytes), scale, String(bytes));
});
