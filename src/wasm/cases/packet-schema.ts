/** What a file of cases may say of packets: those of one flow or of several, and what a module makes of each. */
import Type, { type Static, type TSchema } from 'typebox';
import { strict } from '#config/schema-parts.ts';
import { packetPayloadBytesMax } from '#wasm/packet-view.ts';

export const packetsMax = 1_000;

const optional = <T extends TSchema>(schema: T) => Type.Optional(schema);
const text = (description: string) => Type.String({ maxLength: 8_192, description });
const port = (preset: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: preset, description });

const expectedPacketVerdict = Type.Object(
  {
    kind: Type.Union(
      [
        Type.Literal('undecided'),
        Type.Literal('pass'),
        Type.Literal('drop'),
        Type.Literal('alert'),
        Type.Literal('failure'),
      ],
      { default: 'drop', description: 'failure: the module itself is to fail, as reason says' },
    ),
    rule: optional(text('the rule that decided')),
    target: optional(text('where it matched')),
    reason: optional(text('the sentence for the operator; of a failure, a part of it')),
    matched: optional(text('what matched')),
  },
  {
    ...strict,
    description:
      '"pass", "undecided", or what is done with the flow; only the keys that stand here are compared',
  },
);

const packetStep = Type.Object(
  {
    protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp'), Type.Literal('icmp')], {
      default: 'tcp',
      description: 'the protocol behind the IP head',
    }),
    from: Type.String({ default: '203.0.113.7', maxLength: 45, description: 'source address' }),
    to: Type.String({ default: '198.51.100.1', maxLength: 45, description: 'destination' }),
    fromPort: port(40_000, 'source port'),
    port: port(443, 'destination port'),
    flags: Type.String({
      default: 'ACK PSH',
      pattern: '^((FIN|SYN|RST|PSH|ACK|URG|ECE|CWR)( (FIN|SYN|RST|PSH|ACK|URG|ECE|CWR))*)?$',
      description: 'of a TCP head, with blanks between',
    }),
    sequence: optional(
      Type.Integer({
        minimum: 0,
        maximum: 0xffff_ffff,
        description: 'of a TCP head; without it what follows the packet before, from 1000 on',
      }),
    ),
    flow: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1, description: 'its number' }),
    number: optional(
      Type.Integer({
        minimum: 1,
        maximum: 0xffff_ffff,
        description: 'of the packet in its flow; without it they are counted',
      }),
    ),
    begins: Type.Boolean({
      default: false,
      description:
        'a connection begins with this ACK, as its SYN was answered with a SYN cookie; with a SYN one always does',
    }),
    outgoing: Type.Boolean({ default: false, description: 'from this host, not to it' }),
    payload: optional(
      Type.String({ maxLength: packetPayloadBytesMax, description: 'its payload as text, UTF-8' }),
    ),
    payloadHex: optional(
      Type.String({
        pattern: '^([0-9a-f]{2} ?)*$',
        maxLength: 3 * packetPayloadBytesMax,
        description: 'its payload as hexadecimal bytes, instead of payload',
      }),
    ),
    wireBytes: optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: 'how long the payload was on the wire, where it was cut (bytes)',
      }),
    ),
    afterMs: Type.Integer({
      minimum: 0,
      maximum: 31_536_000_000,
      default: 0,
      description: 'the clock goes on by this much before the packet (ms)',
    }),
    verdict: optional(expectedPacketVerdict),
    log: optional(
      Type.Array(text('line'), {
        maxItems: 64,
        description: 'the lines the module logs, each "LEVEL: TEXT"',
      }),
    ),
    blocks: optional(
      Type.Array(text('block'), {
        maxItems: 64,
        description: 'what it puts on the block list: "ADDRESS for SECONDS s: REASON"',
      }),
    ),
  },
  { ...strict, description: 'one of the packets' },
);

export const casePackets = Type.Array(packetStep, {
  minItems: 1,
  maxItems: packetsMax,
  description: 'packets one after the other, instead of request: for a module with weir_packet',
});

export type PacketStep = Static<typeof packetStep>;
export type ExpectedPacketVerdict = Static<typeof expectedPacketVerdict>;
