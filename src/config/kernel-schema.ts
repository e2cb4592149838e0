/** `kernel`: what is done with packets before any process of the node sees them. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

const interfaceName = '^[^/\\s:]{1,15}$';

const perSecond = (what: string) =>
  Type.Integer({
    minimum: 0,
    maximum: 10_000_000,
    default: 0,
    description: `${what} a second to the ports of the listeners, from one IPv4 address or IPv6 /64; the rest is dropped, and 0 is no limit`,
  });

export const kernel = Type.Object(
  {
    xdp: Type.Union(
      (['auto', 'native', 'generic', 'off'] as const).map((mode) => Type.Literal(mode)),
      {
        default: 'auto',
        description:
          'the XDP program: in the driver where it can be, else in the network stack (auto), only one of them, or not at all',
      },
    ),
    nftables: Type.Union(
      (['auto', 'off'] as const).map((mode) => Type.Literal(mode)),
      {
        default: 'auto',
        description:
          'where the XDP program is off or cannot be: blocked addresses are dropped by an nftables table of this node (auto, by the program nft), or refused as they connect (off)',
      },
    ),
    synCookies: Type.Union(
      (['auto', 'always', 'off'] as const).map((mode) => Type.Literal(mode)),
      {
        default: 'auto',
        description:
          'SYN cookies by the XDP program for the ports of the listeners: when the kernel runs out of room for half-open connections (auto; net.ipv4.tcp_syncookies is 1) or for every SYN (always; it is 2)',
      },
    ),
    fragments: Type.Union(
      (['pass', 'drop'] as const).map((what) => Type.Literal(what)),
      { default: 'pass', description: 'what becomes of IP fragments' },
    ),
    rates: Type.Object(
      {
        packetsPerSecond: perSecond('packets'),
        synsPerSecond: perSecond('TCP connection attempts'),
        udpPerSecond: perSecond('UDP datagrams'),
        kilobytesPerSecond: perSecond('units of 1,024 bytes'),
      },
      { ...strict, default: {} },
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
