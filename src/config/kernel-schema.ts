/** `kernel`: what is done with packets before any process of the node sees them. */
import Type, { type Static } from 'typebox';
import { oneOf, strict } from './schema-parts.ts';

const interfaceName = '^[^/\\s:]{1,15}$';

const perSecond = (what: string) =>
  Type.Integer({
    minimum: 0,
    maximum: 10_000_000,
    default: 0,
    description: `${what} a second to the ports of the listeners, from one IPv4 address or IPv6 /64; the rest is dropped, and 0 is no limit`,
  });

const detect = Type.Object(
  {
    mode: oneOf(['off', 'monitor', 'block'], {
      default: 'block',
      description:
        'what becomes of sources whose sampled packets look like a flood or a scan: not looked for, logged and counted, or blocked as well where it is certain who they are',
    }),
    synRate: Type.Integer({
      minimum: 0,
      maximum: 10_000_000,
      default: 200,
      description:
        'TCP connection attempts a second of one source, over 10 s, above which it floods; 0 looks for none',
    }),
    synSharePercent: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 70,
      description:
        'percentage of connection attempts among the TCP packets of one source, 100 and more in 10 s, above which it only opens connections; 0 looks for none',
    }),
    portScan: Type.Object(
      {
        ports: Type.Integer({
          minimum: 0,
          maximum: 256,
          default: 20,
          description:
            'different ports that one source tries to connect to, from which on it scans; 0 looks for none',
        }),
        seconds: Type.Integer({
          minimum: 1,
          maximum: 3_600,
          default: 60,
          description: 'seconds within which it does',
        }),
      },
      { ...strict, default: {} },
    ),
    blockSeconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 300,
      description: 'seconds for which who was found is blocked',
    }),
  },
  { ...strict, default: {} },
);

const entries = (what: string, size: number, memory: string) =>
  Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: size,
    description: `${what} of the block list that the kernel has room for (${memory}); a block beyond is refused`,
  });

export const kernel = Type.Object(
  {
    xdp: oneOf(['auto', 'native', 'generic', 'off'], {
      default: 'auto',
      description:
        'the XDP program: in the driver where it can be, else in the network stack (auto), only one of them, or not at all',
    }),
    nftables: oneOf(['auto', 'off'], {
      default: 'auto',
      description:
        'where the XDP program is off or cannot be: blocked addresses are dropped by an nftables table of this node (auto, by the program nft), or refused as they connect (off)',
    }),
    synCookies: oneOf(['auto', 'always', 'off'], {
      default: 'auto',
      description:
        'SYN cookies by the XDP program for the ports of the listeners: when the kernel runs out of room for half-open connections (auto; net.ipv4.tcp_syncookies is 1) or for every SYN (always; it is 2)',
    }),
    lists: Type.Object(
      {
        ipv4Addresses: entries(
          'single IPv4 addresses',
          1_000_000,
          '37 bytes of kernel memory each, from the start',
        ),
        ipv6Addresses: entries(
          'single IPv6 addresses',
          1_000_000,
          '59 bytes of kernel memory each, from the start',
        ),
        ipv4Ranges: entries(
          'IPv4 ranges',
          65_536,
          'about 60 bytes of kernel memory each where in use; above 50,000 a packet of a new source takes over a microsecond',
        ),
        ipv6Ranges: entries(
          'IPv6 ranges',
          65_536,
          'about 70 bytes of kernel memory each where in use; above 50,000 a packet of a new source takes over a microsecond',
        ),
      },
      { ...strict, default: {} },
    ),
    fragments: oneOf(['pass', 'drop'], {
      default: 'pass',
      description: 'what becomes of IP fragments',
    }),
    rates: Type.Object(
      {
        packetsPerSecond: perSecond('packets'),
        synsPerSecond: perSecond('TCP connection attempts'),
        udpPerSecond: perSecond('UDP datagrams'),
        kilobytesPerSecond: perSecond('units of 1,024 bytes'),
      },
      { ...strict, default: {} },
    ),
    amplification: oneOf(['pass', 'drop'], {
      default: 'pass',
      description:
        'what becomes of UDP datagrams from services that floods are mirrored by (DNS over 512 bytes, NTP over 128, memcached, SSDP …) and that no socket of this host waits for; drop is wrong on a host that routes for others, containers included',
    }),
    detect,
    inspect: Type.Optional(
      Type.Object(
        {
          module: Type.String({
            description:
              'the module of waf.rules that looks at the packets of rules with action inspect; it is one of packets, as packet-protocol',
          }),
          packets: Type.Integer({
            minimum: 1,
            maximum: 64,
            default: 12,
            description:
              'how many packets of a flow it is shown; a flow of which nothing has been said by then passes',
          }),
        },
        strict,
      ),
    ),
    interface: Type.Union(
      [
        Type.Literal('auto'),
        Type.String({ pattern: interfaceName }),
        Type.Array(Type.String({ pattern: interfaceName }), { minItems: 1, maxItems: 16 }),
      ],
      {
        default: 'auto',
        description:
          'network interfaces that are guarded; auto is those that the listeners use, where one listens on every address those of the default routes, and never the loopback interface',
      },
    ),
  },
  { ...strict, default: {} },
);

export type KernelSettings = Static<typeof kernel>;
export type DetectSettings = Static<typeof detect>;
