/** Floods of HTTP/2 frames: each is to end its session within 300 of them, under the name that stands with it. */
import {
  block,
  CONTINUATION,
  DATA,
  data,
  END_HEADERS,
  END_STREAM,
  type Field,
  frame,
  HEADERS,
  headers,
  PING,
  PRIORITY,
  post,
  reset,
  settings,
  simpleRequest,
  uint32,
  windowUpdate,
} from './http2-peer.ts';

export const framesMax = 300;
export const many = (make: (i: number) => Uint8Array, count = framesMax): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => make(i));
const waiting: readonly Field[] = simpleRequest.map((field) =>
  field[0] === ':path' ? [':path', '/wait'] : field,
);
export const odd = (i: number): number => i * 2 + 1;

/** One field that enters the table, and then so many bytes that each name it (index 62). */
function bomb(fieldBytes: number, references: number): Buffer {
  const field = block([['a', 'x'.repeat(fieldBytes)]]);
  field[0] = 0x40;
  return Buffer.concat([block(simpleRequest), field, Buffer.alloc(references, 0x80 | 62)]);
}

/** What ends the session, and at most 300 frames that do it. */
export const floods: readonly (readonly [ending: string, title: string, frames: Uint8Array[]])[] = [
  ['client-resets', 'rapid reset', many((i) => (i % 2 === 0 ? headers(i + 1, waiting) : reset(i)))],
  [
    'provoked-resets',
    'resets provoked by window updates of 0',
    many((i) => (i % 2 === 0 ? headers(i + 1, waiting) : windowUpdate(i, 0))),
  ],
  [
    'provoked-resets',
    'resets provoked by window overflows',
    many((i) => (i % 2 === 0 ? headers(i + 1, waiting) : windowUpdate(i, 0x7fff_ffff))),
  ],
  [
    'provoked-resets',
    'resets provoked by DATA behind the end',
    many((i) => (i % 2 === 0 ? headers(i + 1, waiting) : data(i, 'a'))),
  ],
  [
    'provoked-resets',
    'resets provoked by HEADERS behind the end',
    many((i) => (i % 2 === 0 ? headers(i + 1, waiting) : headers(i, waiting))),
  ],
  [
    'provoked-resets',
    'resets provoked by priorities on itself',
    many((i) =>
      i % 2 === 0
        ? headers(i + 1, waiting)
        : frame(PRIORITY, 0, i, Buffer.concat([uint32(i), Buffer.from([1])])),
    ),
  ],
  ['provoked-resets', 'malformed requests', many((i) => headers(odd(i), [['a', 'b']]))],
  ['provoked-resets', 'streams over the limit', many((i) => headers(odd(i), waiting))],
  ['provoked-resets', 'empty field blocks', many((i) => headers(odd(i), []))],
  ['pings', 'PING', many(() => frame(PING, 0, 0, 'abcdefgh'))],
  ['settings', 'SETTINGS', many(() => settings())],
  ['settings', 'SETTINGS that change windows', many((i) => settings([4, 65_535 + (i % 2)]))],
  ['empty-frames', 'empty DATA', [post(1), ...many(() => data(1, '', 0), 299)]],
  [
    'empty-frames',
    'DATA of padding alone',
    [post(1), ...many(() => frame(DATA, 8, 1, '\x01\0'), 299)],
  ],
  [
    'block-frames',
    'empty CONTINUATION',
    [headers(1, simpleRequest, END_STREAM), ...many(() => frame(CONTINUATION, 0, 1), 299)],
  ],
  [
    'block-frames',
    'CONTINUATION without end',
    [
      headers(1, simpleRequest, END_STREAM),
      ...many(() => frame(CONTINUATION, 0, 1, block([['x', 'y']])), 299),
    ],
  ],
  [
    'block-bytes',
    'a field block beyond its bound',
    [
      headers(1, simpleRequest, END_STREAM),
      ...many(() => frame(CONTINUATION, 0, 1, block([['x', 'y'.repeat(16_000)]])), 4),
    ],
  ],
  [
    'block-bytes',
    'a field block of references that unpacks to 48 MB',
    [frame(HEADERS, END_STREAM | END_HEADERS, 1, bomb(4_000, 12_000))],
  ],
  ['priorities', 'PRIORITY', many((i) => frame(PRIORITY, 0, odd(i), Buffer.alloc(5)))],
  ['window-updates', 'tiny window updates', many(() => windowUpdate(0, 1))],
  [
    'window-updates',
    'tiny window updates on a stream',
    [headers(1, waiting), ...many(() => windowUpdate(1, 1), 299)],
  ],
  ['useless-frames', 'frames of no type', many(() => frame(0x40, 0, 0))],
  [
    'useless-frames',
    'DATA on a stream that was reset',
    [post(1), reset(1), ...many(() => data(1, 'a', 0), 298)],
  ],
  ['useless-frames', 'resets of a stream that was reset', [post(1), ...many(() => reset(1), 299)]],
];
