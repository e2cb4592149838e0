/**
 * What is said over the node's shield socket, in this order, each with the descriptors it names:
 *
 * ```
 * who may load programs                       the node
 *   offer {sha256} ──────────────────────────►  is it allowed? is there a program?
 *   ◄────────── running {sha256, names} + maps, object
 *   loads its object onto these maps
 *   loaded {sha256, kept, made} + program … ─►  process on the new object, then the links
 *   ◄────────── live {sha256, before, tookMs}      or refused {reason, details}, at any point
 * ```
 *
 * Both sides check what they get: neither is sure to be of the other's version.
 */
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { WeirError } from '#core/errors.ts';
import type { DescriptorMessage } from './descriptor-socket.ts';

export const shieldSocket = 'shield.sock';
/** Of a message that is due; loading the program is between two of them. */
export const messageMs = 30_000;
/** Of the last answer: the process that has the maps is started, and fills them. */
export const liveMs = 60_000;

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const names = Type.Array(Type.String({ maxLength: 64 }), { maxItems: 128 });

const messages = {
  offer: Type.Object({ kind: Type.Literal('offer'), sha256 }),
  running: Type.Object({ kind: Type.Literal('running'), sha256, names }),
  loaded: Type.Object({ kind: Type.Literal('loaded'), sha256, kept: names, made: names }),
  live: Type.Object({
    kind: Type.Literal('live'),
    sha256,
    before: sha256,
    tookMs: Type.Integer({ minimum: 0 }),
  }),
  refused: Type.Object({
    kind: Type.Literal('refused'),
    reason: Type.String(),
    details: Type.Array(Type.String()),
  }),
} as const;

type Messages = { readonly [Kind in keyof typeof messages]: Static<(typeof messages)[Kind]> };
export type SwapMessage = Messages[keyof Messages];

/** The body, where it is of that kind. Throws SWAP_REFUSED with what was said instead. */
export function expectMessage<Kind extends keyof Messages>(
  kind: Kind,
  message: DescriptorMessage | null,
): Messages[Kind] {
  if (message === null)
    throw new WeirError('SWAP_REFUSED', 'the other end closed in the middle of it');
  const { body } = message;
  if (Check(messages.refused, body))
    throw new WeirError('SWAP_REFUSED', body.reason, { details: body.details });
  if (!Check(messages[kind], body))
    throw new WeirError(
      'SWAP_REFUSED',
      `the other end said something else where "${kind}" was due`,
    );
  return body as Messages[Kind];
}

/** Names and descriptors of a message, put together. Throws SWAP_REFUSED where they are not as many. */
export function namedDescriptors(
  named: readonly string[],
  { descriptors }: DescriptorMessage,
): Readonly<Record<string, number>> {
  if (named.length !== descriptors.length || new Set(named).size !== named.length)
    throw new WeirError('SWAP_REFUSED', `${named.length} names, ${descriptors.length} descriptors`);
  return Object.fromEntries(named.map((name, index) => [name, descriptors[index] as number]));
}
