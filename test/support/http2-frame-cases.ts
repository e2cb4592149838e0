/** What a client sends by frames, and what RFC 9113 (and 7541) has the edge say: rows for `test/wire/http2-conformance.test.ts`. */
import { hex } from './hpack.ts';
import {
  ACK,
  block,
  CONTINUATION,
  DATA,
  data,
  END_HEADERS,
  END_STREAM,
  type Field,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PADDED,
  PING,
  PRIORITY,
  PRIORITY_FLAG,
  PUSH_PROMISE,
  post,
  RST_STREAM,
  reset,
  SETTINGS,
  settings,
  simpleRequest,
  uint32,
  WINDOW_UPDATE,
  windowUpdate,
} from './http2-peer.ts';

/** Long enough to run into windows, and under the window a stream has. */
const longBody = 'x'.repeat(40_000);
export const code = { protocol: 1, flowControl: 3, closed: 5, size: 6, compression: 9 };

/** `goaway N`, `reset N on ID`, or `ok`: stream 1 (3, …) is answered with 200. */
export type Http2Case = readonly [title: string, frames: readonly Uint8Array[], expected: string];

const replaced = (name: string, value: string): Field[] =>
  simpleRequest.map((field) => (field[0] === name ? [name, value] : field));
const malformed = `reset ${code.protocol} on 1`;
const connectionError = `goaway ${code.protocol}`;
const priority = (dependency: number): Buffer =>
  Buffer.concat([uint32(dependency), Buffer.from([15])]);
const whole = block(simpleRequest);

export const frameCases: Record<string, readonly Http2Case[]> = {
  '4.1 frame format': [
    ['a frame of unknown type is ignored', [frame(0x16, 0, 0, 'abc'), headers(1)], 'ok'],
    ['undefined flags are ignored', [frame(PING, 0x16, 0, 'abcdefgh'), headers(1)], 'ok'],
    ['the reserved bit is ignored', [setReserved(headers(1))], 'ok'],
    [
      'unknown flags on HEADERS',
      [headers(1, simpleRequest, END_STREAM | END_HEADERS | 0xd0)],
      'ok',
    ],
  ],
  '4.2 frame size': [
    ['DATA of the largest size', [post(1), data(1, 'x'.repeat(16_384))], 'ok'],
    ['DATA beyond it', [post(1), data(1, 'x'.repeat(16_385))], `goaway ${code.size}`],
    [
      'HEADERS beyond it',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS,
          1,
          Buffer.concat([whole, block([['x', longBody]])]),
        ),
      ],
      `goaway ${code.size}`,
    ],
  ],
  '4.3 field blocks': [
    [
      'a block that cannot be decoded',
      [frame(HEADERS, END_STREAM | END_HEADERS, 1, hex('4082 ffff'))],
      `goaway ${code.compression}`,
    ],
    [
      'PRIORITY between its frames',
      [
        headers(1, simpleRequest, END_STREAM),
        frame(PRIORITY, 0, 1, priority(0)),
        frame(CONTINUATION, END_HEADERS, 1),
      ],
      connectionError,
    ],
    [
      'HEADERS of another stream between its frames',
      [headers(1, simpleRequest, END_STREAM), headers(3)],
      connectionError,
    ],
    [
      'an unknown frame between its frames',
      [
        headers(1, simpleRequest, END_STREAM),
        frame(0x16, 0, 0),
        frame(CONTINUATION, END_HEADERS, 1),
      ],
      connectionError,
    ],
  ],
  '5.1 stream states, idle': [
    ['DATA', [data(1, 'a')], connectionError],
    ['RST_STREAM', [reset(1)], connectionError],
    ['WINDOW_UPDATE', [windowUpdate(1, 100)], connectionError],
    ['CONTINUATION', [frame(CONTINUATION, END_HEADERS, 1, whole)], connectionError],
    ['PRIORITY is allowed', [frame(PRIORITY, 0, 1, priority(0)), headers(1)], 'ok'],
  ],
  '5.1 half-closed by the client': [
    ['DATA', [headers(1, replaced(':path', '/wait')), data(1, 'a')], `reset ${code.closed} on 1`],
    ['HEADERS', [headers(1, replaced(':path', '/wait')), headers(1)], `reset ${code.closed} on 1`],
    [
      'CONTINUATION',
      [headers(1, replaced(':path', '/wait')), frame(CONTINUATION, END_HEADERS, 1, whole)],
      connectionError,
    ],
    ['WINDOW_UPDATE is allowed', [headers(1), windowUpdate(1, 100)], 'ok'],
    ['PRIORITY is allowed', [headers(1), frame(PRIORITY, 0, 1, priority(0))], 'ok'],
  ],
  '5.1 closed': [
    ['DATA after our own reset is let pass', [post(1), reset(1), data(1, 'a'), headers(3)], 'ok 3'],
    [
      'HEADERS after our own reset are let pass',
      [post(1), reset(1), headers(1), headers(3)],
      'ok 3',
    ],
    [
      'CONTINUATION after our own reset',
      [post(1), reset(1), frame(CONTINUATION, END_HEADERS, 1, whole)],
      connectionError,
    ],
    ['a second RST_STREAM', [post(1), reset(1), reset(1), headers(3)], 'ok 3'],
    ['PRIORITY', [post(1), reset(1), frame(PRIORITY, 0, 1, priority(0)), headers(3)], 'ok 3'],
  ],
  '5.1.1 stream identifiers': [
    ['an even one', [headers(2)], connectionError],
    ['one smaller than before', [headers(5), headers(3)], connectionError],
    ['the largest there is', [headers(0x7fff_ffff)], 'ok 2147483647'],
  ],
  '5.3 priorities': [
    [
      'HEADERS with a priority',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS | PRIORITY_FLAG,
          1,
          Buffer.concat([priority(0), whole]),
        ),
      ],
      'ok',
    ],
    [
      'HEADERS that depend on themselves',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS | PRIORITY_FLAG,
          1,
          Buffer.concat([priority(1), whole]),
        ),
      ],
      malformed,
    ],
    ['PRIORITY that depends on itself', [post(1), frame(PRIORITY, 0, 1, priority(1))], malformed],
    [
      'HEADERS too short for their priority',
      [frame(HEADERS, END_STREAM | END_HEADERS | PRIORITY_FLAG, 1, 'abc')],
      `goaway ${code.size}`,
    ],
  ],
  '6.1 DATA': [
    ['on stream 0', [data(0, 'a')], connectionError],
    ['padded', [post(1), frame(DATA, END_STREAM | PADDED, 1, '\x03ab\0\0\0')], 'ok'],
    ['padded with nothing in it', [post(1), frame(DATA, END_STREAM | PADDED, 1, '\x02\0\0')], 'ok'],
    [
      'padding as long as the frame',
      [post(1), frame(DATA, END_STREAM | PADDED, 1, '\x03ab')],
      connectionError,
    ],
    [
      'padded without the length',
      [post(1), frame(DATA, END_STREAM | PADDED, 1)],
      `goaway ${code.size}`,
    ],
  ],
  '6.2 HEADERS': [
    ['on stream 0', [headers(0)], connectionError],
    [
      'padded',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS | PADDED,
          1,
          Buffer.concat([Buffer.from([2]), whole, Buffer.alloc(2)]),
        ),
      ],
      'ok',
    ],
    [
      'padding longer than the frame',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS | PADDED,
          1,
          Buffer.concat([Buffer.from([255]), whole]),
        ),
      ],
      connectionError,
    ],
    [
      'padded without the length',
      [frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1)],
      `goaway ${code.size}`,
    ],
  ],
  '6.3 PRIORITY': [
    ['on stream 0', [frame(PRIORITY, 0, 0, priority(1))], connectionError],
    ['of another length', [post(1), frame(PRIORITY, 0, 1, 'abcd')], `reset ${code.size} on 1`],
  ],
  '6.4 RST_STREAM': [
    ['on stream 0', [reset(0)], connectionError],
    ['of another length', [post(1), frame(RST_STREAM, 0, 1, 'abc')], `goaway ${code.size}`],
  ],
  '6.5 SETTINGS': [
    ['an acknowledgement with content', [frame(SETTINGS, ACK, 0, 'abcdef')], `goaway ${code.size}`],
    ['on a stream', [frame(SETTINGS, 0, 1)], connectionError],
    ['of another length', [frame(SETTINGS, 0, 0, 'abc')], `goaway ${code.size}`],
    ['ENABLE_PUSH of 2', [settings([2, 2])], connectionError],
    [
      'INITIAL_WINDOW_SIZE beyond the largest',
      [settings([4, 0x8000_0000])],
      `goaway ${code.flowControl}`,
    ],
    ['MAX_FRAME_SIZE too small', [settings([5, 16_383])], connectionError],
    ['MAX_FRAME_SIZE too large', [settings([5, 16_777_216])], connectionError],
    ['unknown settings are ignored', [settings([0xff, 1], [3, 10], [6, 100]), headers(1)], 'ok'],
    ['the last of repeated ones counts', [settings([4, 0], [4, 65_535]), headers(1)], 'ok'],
    [
      'a bad value is bad though a good one follows',
      [settings([4, 0x8000_0000], [4, 1])],
      `goaway ${code.flowControl}`,
    ],
  ],
  '6.6 PUSH_PROMISE': [
    [
      'of a client',
      [frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([uint32(2), whole]))],
      connectionError,
    ],
  ],
  '6.7 PING': [
    ['on a stream', [frame(PING, 0, 1, 'abcdefgh')], connectionError],
    ['of another length', [frame(PING, 0, 0, 'abcdef')], `goaway ${code.size}`],
    ['an answer nobody asked for is ignored', [frame(PING, ACK, 0, 'abcdefgh'), headers(1)], 'ok'],
  ],
  '6.8 GOAWAY': [
    ['on a stream', [frame(GOAWAY, 0, 1, Buffer.alloc(8))], connectionError],
    ['too short', [frame(GOAWAY, 0, 0, 'abcd')], `goaway ${code.size}`],
    ['what is open is still answered', [headers(1), frame(GOAWAY, 0, 0, Buffer.alloc(8))], 'ok'],
  ],
  '6.9 WINDOW_UPDATE': [
    ['of 0 on the session', [windowUpdate(0, 0)], connectionError],
    ['of 0 on a stream', [post(1), windowUpdate(1, 0)], malformed],
    ['of another length', [frame(WINDOW_UPDATE, 0, 0, 'abc')], `goaway ${code.size}`],
    [
      'beyond the largest window, session',
      [windowUpdate(0, 0x7fff_ffff), windowUpdate(0, 0x7fff_ffff)],
      `goaway ${code.flowControl}`,
    ],
    [
      'beyond the largest window, stream',
      [post(1), windowUpdate(1, 0x7fff_ffff)],
      `reset ${code.flowControl} on 1`,
    ],
    [
      'INITIAL_WINDOW_SIZE that overflows a stream',
      [post(1), windowUpdate(1, 0x7fff_0000), settings([4, 0x7fff_ffff])],
      `goaway ${code.flowControl}`,
    ],
  ],
  '6.10 CONTINUATION': [
    [
      'several',
      [
        headers(1, simpleRequest, END_STREAM),
        frame(CONTINUATION, 0, 1, block([['a', 'b']])),
        frame(CONTINUATION, END_HEADERS, 1, block([['c', 'd']])),
      ],
      'ok',
    ],
    [
      'on stream 0',
      [headers(1, simpleRequest, END_STREAM), frame(CONTINUATION, END_HEADERS, 0)],
      connectionError,
    ],
    [
      'behind a block that has ended',
      [headers(1), frame(CONTINUATION, END_HEADERS, 1, block([['a', 'b']]))],
      connectionError,
    ],
    [
      'behind CONTINUATION that ended it',
      [
        headers(1, simpleRequest, END_STREAM),
        frame(CONTINUATION, END_HEADERS, 1),
        frame(CONTINUATION, END_HEADERS, 1),
      ],
      connectionError,
    ],
    [
      'behind DATA',
      [post(1), data(1, 'a', 0), frame(CONTINUATION, END_HEADERS, 1)],
      connectionError,
    ],
    [
      'of another stream',
      [headers(1, simpleRequest, END_STREAM), frame(CONTINUATION, END_HEADERS, 3)],
      connectionError,
    ],
  ],
  'RFC 7541': [
    [
      'an index of no entry',
      [frame(HEADERS, END_STREAM | END_HEADERS, 1, hex('8287 84 c6'))],
      `goaway ${code.compression}`,
    ],
    [
      'index 0',
      [frame(HEADERS, END_STREAM | END_HEADERS, 1, hex('80'))],
      `goaway ${code.compression}`,
    ],
    [
      'padding of more than seven bits',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS,
          1,
          Buffer.concat([whole, hex('0085 f2b24a84 ff 874951 2b 00')]),
        ),
      ],
      `goaway ${code.compression}`,
    ],
    [
      'a table size behind fields',
      [frame(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.concat([whole, hex('3f01')]))],
      `goaway ${code.compression}`,
    ],
    [
      'a table size beyond ours',
      [frame(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.concat([hex('3fe2ff01'), whole]))],
      `goaway ${code.compression}`,
    ],
    [
      'a table size of ours',
      [frame(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.concat([hex('3fe11f'), whole]))],
      'ok',
    ],
    [
      'a field with Huffman code',
      [
        frame(
          HEADERS,
          END_STREAM | END_HEADERS,
          1,
          hex('8287 84 41 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'),
        ),
      ],
      'ok',
    ],
  ],
};

function setReserved(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[5] = (copy[5] as number) | 0x80;
  return copy;
}
