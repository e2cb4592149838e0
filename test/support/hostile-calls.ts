/** Modules that load and then do harm in a call: the call is ended, and nothing else. */
import { goodRecord, guest, recordAt } from './hostile-guest.ts';
import { funcref, loop, stopped, withSection } from './module-parts.ts';
import { type FunctionSpec, i32, op, words } from './wasm-builder.ts';

const record = (...changes: readonly (readonly [word: number, value: number])[]): Uint8Array => {
  const changed = [...goodRecord];
  for (const [word, value] of changes) changed[word] = value;
  const bytes = [...words(...changed), ...Buffer.from('rule/a reason target match')];
  return guest([op.const(recordAt)], { data: { at: recordAt, bytes } });
};
/** Tail calls itself: no stack is used, so nothing but fuel ends it. */
const tailCalls: FunctionSpec = {
  parameters: [i32],
  results: [i32],
  code: [op.local(0), [0x12, 3]],
};
export const calls = stopped('call', [
  [
    'a loop without an end',
    () => guest([op.spin, op.const(0)]),
    /fuel: used up its fuel of \d+ instructions in weir_request_head/,
  ],
  [
    'tail calls without an end',
    () => guest([op.local(0), op.call(3)], { functions: [tailCalls] }),
    /fuel: used up its fuel/,
  ],
  [
    'a recursion without a bottom',
    () => guest([op.local(0), op.call(2)]),
    /stack: the call stack is exhausted|fuel: used up its fuel/,
  ],
  [
    'two that call each other',
    () =>
      guest([op.local(0), op.call(3)], {
        functions: [{ parameters: [i32], results: [i32], code: [op.local(0), op.call(2)] }],
      }),
    /stack: the call stack is exhausted|fuel: used up its fuel/,
  ],
  [
    'memory filled again and again',
    () => guest([...loop(op.const(0), op.const(1), op.const(65_536), [0xfc, 11, 0]), op.const(0)]),
    /fuel: used up its fuel/,
  ],
  [
    'memory copied again and again',
    () =>
      guest([...loop(op.const(0), op.const(8), op.const(60_000), [0xfc, 10, 0, 0]), op.const(0)]),
    /fuel: used up its fuel/,
  ],
  [
    'memory grown until it is refused',
    () =>
      guest(
        [
          ...loop(op.const(1), op.grow, op.const(-1), [0x46, 0x04, 0x40], op.unreachable, [0x0b]),
          op.const(0),
        ],
        { memory: { initial: 1 } },
      ),
    /trap: unreachable/,
  ],
  [
    'reads beyond its memory',
    () => guest([op.const(-4), [0x28, 2, 0]]),
    /trap: memory access out of bounds/,
  ],
  [
    'a jump to nowhere',
    () => withSection(4, [1, funcref, 0, 1], guest([op.const(7), [0x11, 0, 0]])),
    /trap: table index is out of bounds/,
  ],
  [
    'a division by nothing',
    () => guest([op.const(1), op.const(0), [0x6d]]),
    /trap: divide by zero/,
  ],
  [
    'a verdict at an odd address',
    () => guest([op.const(66)]),
    /the verdict lies at 66, which is not a multiple of 4/,
  ],
  [
    'a verdict over the end',
    () => guest([op.const(65_532)]),
    /the verdict \(56 bytes at 65532\) lies outside/,
  ],
  ['a verdict at a negative address', () => guest([op.const(-64)]), /lies outside/],
  ['a verdict of no kind', () => record([0, 9]), /record kind 9 is none for a request/],
  [
    'a chain that goes round',
    () => record([0, 4], [1, recordAt], [2, 0], [6, recordAt + 56], [7, 4]),
    /more than 64 records in one answer/,
  ],
  [
    'a chain that leaves the memory',
    () => record([0, 4], [1, 0xffff_fffc], [6, recordAt + 56], [7, 4]),
    /the verdict \(56 bytes at 4294967292\) lies outside/,
  ],
  [
    'a record behind a block',
    () => record([1, recordAt]),
    /a record follows the one that ends the request/,
  ],
  [
    'a rule that lies nowhere',
    () => record([6, 0xffff_fff0]),
    /rule \(6 bytes at 4294967280\) lies outside/,
  ],
  ['a rule without an end', () => record([7, 0xffff_ffff]), /rule is 4294967295 bytes long/],
  ['a success as a block', () => record([2, 200]), /status 200 of a block/],
  [
    'a header that splits the response',
    () =>
      guest([op.const(recordAt)], {
        data: {
          at: recordAt,
          bytes: [
            ...words(6, 0, 1, 0, 0, 0, 0, 0, 0, 0, recordAt + 56, 1, recordAt + 57, 6),
            ...Buffer.from('ax\r\ny:z'),
          ],
        },
      }),
    /the value of a holds a line break/,
  ],
  [
    'a header that frames the response',
    () =>
      guest([op.const(recordAt)], {
        data: {
          at: recordAt,
          bytes: [
            ...words(6, 0, 1, 0, 0, 0, 0, 0, 0, 0, recordAt + 56, 17, recordAt + 56, 7),
            ...Buffer.from('transfer-encoding'),
          ],
        },
      }),
    /transfer-encoding is written by the edge itself/,
  ],
]);
