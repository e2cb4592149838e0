/** Packets and what becomes of them. Every case starts from the same lists and rules (`verdicts.test.ts`). */
import { type FrameTerms, frameOf, linuxSynOptions } from '../support/frames.ts';

export type VerdictCase = {
  readonly name: string;
  readonly frame: FrameTerms | Buffer;
  readonly action: 'drop' | 'pass';
  /** As counted, in the order of the enumeration. */
  readonly verdict: string;
};

const good4 = '192.0.2.1';
const good6 = '2001:db8:2::1';
const tcpInsane = ['', 'SF', 'SR', 'FR', 'F', 'FPU', 'SAFRPU'];

const patched = (terms: FrameTerms, patches: Readonly<Record<number, number>>): Buffer => {
  const frame = frameOf(terms);
  for (const [at, value] of Object.entries(patches)) frame[Number(at)] = value;
  return frame;
};

const arp = Buffer.concat([Buffer.from('0200000000010200000000020806', 'hex'), Buffer.alloc(28)]);

/** The same for both families. */
const both = [good4, good6].flatMap((from): VerdictCase[] => {
  const v6 = from === good6;
  const blocked = v6 ? '2001:db8:bad::1' : '198.51.100.7';
  const inRange = v6 ? '2001:db8:f00::77' : '203.0.113.77';
  const watched = v6 ? '2001:db8:3::3' : '192.0.2.3';
  const watchedInRange = v6 ? '2001:db8:f00::3' : '203.0.113.3';
  const allowed = v6 ? '2001:db8:f00:a::1' : '203.0.113.129';
  const ruled = v6 ? '2001:db8:4::9' : '192.0.4.9';
  const name = (text: string): string => `IPv${v6 ? 6 : 4}: ${text}`;
  const vlan = [0x8100];
  const qinq = [0x88a8, 0x8100];
  return [
    { name: name('an ordinary packet passes'), frame: { from }, action: 'pass', verdict: 'pass' },
    { name: name('UDP passes'), frame: { from, protocol: 'udp' }, action: 'pass', verdict: 'pass' },
    {
      name: name('another protocol passes'),
      frame: { from, protocol: 47 },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('an echo request passes'),
      frame: { from, protocol: v6 ? 'icmp6' : 'icmp', icmpType: v6 ? 128 : 8 },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('a listed address is dropped'),
      frame: { from: blocked },
      action: 'drop',
      verdict: 'drop_exact',
    },
    {
      name: name('a listed address is dropped for UDP'),
      frame: { from: blocked, protocol: 'udp' },
      action: 'drop',
      verdict: 'drop_exact',
    },
    {
      name: name('a listed address is dropped on any port'),
      frame: { from: blocked, dport: 9 },
      action: 'drop',
      verdict: 'drop_exact',
    },
    {
      name: name('a listed address is dropped behind a VLAN tag'),
      frame: { from: blocked, vlans: vlan },
      action: 'drop',
      verdict: 'drop_exact',
    },
    {
      name: name('a listed address is dropped behind two VLAN tags'),
      frame: { from: blocked, vlans: qinq },
      action: 'drop',
      verdict: 'drop_exact',
    },
    {
      name: name('a listed range is dropped'),
      frame: { from: inRange },
      action: 'drop',
      verdict: 'drop_prefix',
    },
    {
      name: name('a listed range is dropped behind a VLAN tag'),
      frame: { from: inRange, vlans: vlan },
      action: 'drop',
      verdict: 'drop_prefix',
    },
    {
      name: name('an allowed address inside a listed range passes'),
      frame: { from: allowed },
      action: 'pass',
      verdict: 'allowed',
    },
    {
      name: name('an allowed address passes with fragments'),
      frame: { from: allowed, fragment: { offset: 0, more: true } },
      action: 'pass',
      verdict: 'allowed',
    },
    {
      name: name('an allowed address does not get round TCP sanity'),
      frame: { from: allowed, flags: 'SF' },
      action: 'drop',
      verdict: 'drop_tcp_flags',
    },
    {
      name: name('a watched address passes and is counted'),
      frame: { from: watched },
      action: 'pass',
      verdict: 'pass+monitored',
    },
    {
      name: name('a watched address in a listed range is dropped'),
      frame: { from: watchedInRange },
      action: 'drop',
      verdict: 'drop_prefix+monitored',
    },
    {
      name: name('a first fragment is dropped'),
      frame: { from, fragment: { offset: 0, more: true } },
      action: 'drop',
      verdict: 'drop_fragment',
    },
    {
      name: name('a later fragment is dropped'),
      frame: { from, fragment: { offset: 100, more: true } },
      action: 'drop',
      verdict: 'drop_fragment',
    },
    {
      name: name('the last fragment is dropped'),
      frame: { from, fragment: { offset: 100, more: false } },
      action: 'drop',
      verdict: 'drop_fragment',
    },
    {
      name: name('a fragment of a listed address is dropped for that'),
      frame: { from: blocked, fragment: { offset: 100, more: true } },
      action: 'drop',
      verdict: 'drop_exact',
    },
    {
      name: name('a rule drops its port'),
      frame: { from: ruled, dport: 80 },
      action: 'drop',
      verdict: 'drop_rule',
    },
    {
      name: name('a rule leaves other ports'),
      frame: { from: ruled, dport: 81 },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('a rule leaves other sources'),
      frame: { from, dport: 80 },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('an earlier rule that passes wins'),
      frame: { from: ruled, dport: 8_080 },
      action: 'pass',
      verdict: 'pass_rule',
    },
    {
      name: name('a rule of the other generation is not looked at'),
      frame: { from, dport: 444 },
      action: 'pass',
      verdict: 'pass',
    },
    ...tcpInsane.map(
      (flags): VerdictCase => ({
        name: name(`TCP flags "${flags}" are dropped`),
        frame: { from, flags },
        action: 'drop',
        verdict: 'drop_tcp_flags',
      }),
    ),
    {
      name: name('odd flags to a port that is not protected pass'),
      frame: { from, flags: 'SF', dport: 9 },
      action: 'pass',
      verdict: 'pass',
    },
    ...['A', 'PA', 'FA', 'R', 'RA', 'SA', 'S', 'SEW', 'UA'].map(
      (flags): VerdictCase => ({
        name: name(`TCP flags ${flags} pass`),
        frame: { from, flags },
        action: 'pass',
        verdict: flags.startsWith('S') && flags !== 'SA' ? 'pass+no_listener' : 'pass',
      }),
    ),
    {
      name: name('a SYN with the options of Linux passes where nobody listens'),
      frame: { from, flags: 'S', tcpOptions: linuxSynOptions },
      action: 'pass',
      verdict: 'pass+no_listener',
    },
    {
      name: name('a cut TCP header is malformed'),
      frame: { from, cut: v6 ? 66 : 46 },
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a cut IP header is malformed'),
      frame: { from, cut: v6 ? 40 : 30 },
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a cut VLAN tag is malformed'),
      frame: { from, vlans: qinq, cut: 20 },
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a third VLAN tag is malformed'),
      frame: { from, vlans: [0x88a8, 0x8100, 0x8100] },
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a cut UDP header is malformed'),
      frame: patched({ from, protocol: 'udp' }, v6 ? { 59: 4 } : { 39: 4 }),
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a frame in several buffers passes, and all of it counts'),
      frame: { from, payload: 9_000 - (v6 ? 60 : 40) },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('a frame in several buffers and a byte short is malformed'),
      frame: { from, payload: 9_000, cut: 9_000 },
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a length beyond the frame is malformed'),
      frame: patched({ from }, v6 ? { 18: 9 } : { 16: 9 }),
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a TCP header of 16 bytes is malformed'),
      frame: patched({ from }, v6 ? { 66: 0x40 } : { 46: 0x40 }),
      action: 'drop',
      verdict: 'drop_malformed',
    },
    {
      name: name('a large answer from port 53 nobody asked for'),
      frame: { from, protocol: 'udp', sport: 53, payload: 513 },
      action: 'drop',
      verdict: 'drop_amplification',
    },
    {
      name: name('a small answer from port 53'),
      frame: { from, protocol: 'udp', sport: 53, payload: 512 },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('an answer about the time'),
      frame: { from, protocol: 'udp', sport: 123, payload: 48 },
      action: 'pass',
      verdict: 'pass',
    },
    {
      name: name('a monlist answer'),
      frame: { from, protocol: 'udp', sport: 123, payload: 440 },
      action: 'drop',
      verdict: 'drop_amplification',
    },
    ...[19, 111, 161, 389, 1_900, 11_211].map(
      (sport): VerdictCase => ({
        name: name(`UDP from port ${sport}`),
        frame: { from, protocol: 'udp', sport, payload: 20 },
        action: 'drop',
        verdict: 'drop_amplification',
      }),
    ),
    {
      name: name('TCP from port 11211'),
      frame: { from, sport: 11_211 },
      action: 'pass',
      verdict: 'pass',
    },
  ];
});

const only4: readonly VerdictCase[] = [
  {
    name: 'IPv4: options pass',
    frame: { from: good4, ipOptions: 8 },
    action: 'pass',
    verdict: 'pass',
  },
  {
    name: 'IPv4: a listed address with options is dropped',
    frame: { from: '198.51.100.7', ipOptions: 40 },
    action: 'drop',
    verdict: 'drop_exact',
  },
  {
    name: 'IPv4: a rule sees the port behind options',
    frame: { from: '192.0.4.9', ipOptions: 40, dport: 80 },
    action: 'drop',
    verdict: 'drop_rule',
  },
  {
    name: 'IPv4: a header of 16 bytes is malformed',
    frame: patched({ from: good4 }, { 14: 0x44 }),
    action: 'drop',
    verdict: 'drop_malformed',
  },
  {
    name: 'IPv4: version 5 is malformed',
    frame: patched({ from: good4 }, { 14: 0x55 }),
    action: 'drop',
    verdict: 'drop_malformed',
  },
  {
    name: 'IPv4: a length below that of its header is malformed',
    frame: patched({ from: good4 }, { 17: 19 }),
    action: 'drop',
    verdict: 'drop_malformed',
  },
  {
    name: 'IPv4: a second fragment over the TCP flags is malformed',
    frame: { from: good4, fragment: { offset: 1, more: false } },
    action: 'drop',
    verdict: 'drop_malformed',
  },
  { name: 'ARP passes', frame: arp, action: 'pass', verdict: 'not_ip' },
  {
    name: 'a runt is malformed',
    frame: frameOf({ cut: 15 }),
    action: 'drop',
    verdict: 'drop_malformed',
  },
];

const only6: readonly VerdictCase[] = [
  ...[0, 43, 60, 51].map(
    (kind): VerdictCase => ({
      name: `IPv6: a listed address behind extension header ${kind} is dropped`,
      frame: { from: '2001:db8:bad::1', extensions: [kind] },
      action: 'drop',
      verdict: 'drop_exact',
    }),
  ),
  {
    name: 'IPv6: a rule sees the port behind three extension headers',
    frame: { from: '2001:db8:4::9', extensions: [0, 43, 60], dport: 80 },
    action: 'drop',
    verdict: 'drop_rule',
  },
  {
    name: 'IPv6: six extension headers pass',
    frame: { from: good6, extensions: [0, 60, 60, 60, 60, 60] },
    action: 'pass',
    verdict: 'pass',
  },
  {
    name: 'IPv6: seven extension headers are malformed',
    frame: { from: good6, extensions: [0, 60, 60, 60, 60, 60, 60] },
    action: 'drop',
    verdict: 'drop_malformed',
  },
  {
    name: 'IPv6: an extension header that ends outside is malformed',
    frame: patched({ from: good6, extensions: [60] }, { 55: 255 }),
    action: 'drop',
    verdict: 'drop_malformed',
  },
  {
    name: 'IPv6: version 4 is malformed',
    frame: patched({ from: good6 }, { 14: 0x45 }),
    action: 'drop',
    verdict: 'drop_malformed',
  },
  ...[133, 134, 135, 136, 137].map(
    (icmpType): VerdictCase => ({
      name: `IPv6: neighbour discovery ${icmpType} passes even from a listed range`,
      frame: { from: '2001:db8:f00::77', protocol: 'icmp6', icmpType, hops: 255 },
      action: 'pass',
      verdict: 'neighbour',
    }),
  ),
  {
    name: 'IPv6: neighbour discovery that was routed is none',
    frame: { from: '2001:db8:f00::77', protocol: 'icmp6', icmpType: 135, hops: 254 },
    action: 'drop',
    verdict: 'drop_prefix',
  },
];

export const verdictCases: readonly VerdictCase[] = [...both, ...only4, ...only6];
