/**
 * Modules that mean harm or are broken, each made from a good one by the change its name says: where they
 * are stopped, and with which words.
 */

import { calls } from './hostile-calls.ts';
import { guest } from './hostile-guest.ts';
import {
  custom,
  f64,
  funcref,
  type HostileModule,
  header,
  importOf,
  joined,
  loop,
  memoryOf,
  nested,
  repeated,
  replaced,
  reserve,
  sectionsOf,
  start,
  stopped,
  with3,
  withBody,
  withSection,
} from './module-parts.ts';
import { type FunctionSpec, i32, i64, leb, op, text, vector, words } from './wasm-builder.ts';

const broken = stopped('load', [
  ['nothing at all', () => new Uint8Array(), /is no WebAssembly: it does not begin with|is empty/],
  ['a script', () => Buffer.from('#!/bin/sh\nrm -rf /\n'), /is no WebAssembly/],
  ['another version', () => guest().with(4, 2), /is no WebAssembly module of version 1/],
  [
    'a component',
    () => guest().with(4, 0x0d).with(6, 1),
    /a component has to be loaded as its core/,
  ],
  [
    'a section that is cut short',
    () => guest().subarray(0, -1),
    /section 10 announces \d+ bytes, \d+ are there: the file is cut short/,
  ],
  [
    'a section twice',
    () => joined(sectionsOf(guest()).flatMap((item) => (item.id === 5 ? [item, item] : [item]))),
    /section 5 is repeated or out of order/,
  ],
  [
    'sections in another order',
    () => joined(sectionsOf(guest()).toReversed()),
    /is repeated or out of order/,
  ],
  [
    'a section of no kind',
    () => joined([...sectionsOf(guest()), { id: 99, content: [] }]),
    /a section with the unknown number 99/,
  ],
  [
    'a length without an end',
    () => Uint8Array.from([...header, 1, ...repeated(9, 0x80), 0]),
    /a number is longer than/,
  ],
  [
    'functions without code',
    () => withSection(3, [9, ...repeated(9, 0)]),
    /declares 9 functions and has the code of 3/,
  ],
  [
    'code that takes what is not there',
    () => guest([op.drop, op.const(0)]),
    /is not valid WebAssembly: .*not enough arguments/,
  ],
  [
    'a second thousand of custom sections',
    () => joined([...sectionsOf(guest()), ...Array.from({ length: 1_001 }, () => custom('x', []))]),
    /more than 1000 custom sections/,
  ],
]);

const shape = stopped('load', [
  ['no export', () => withSection(7, [0]), /does not export the function weir_abi/],
  ['no phase', () => guest([op.const(0)], { without: 'weir_request_head' }), /exports no phase/],
  [
    'an export twice',
    () => with3({ name: 'weir_abi', results: [i32], code: [op.const(1)] }),
    /is not valid WebAssembly: .*[Dd]uplicate export name/,
  ],
  [
    'a phase there is not',
    () => with3({ name: 'weir_request_tail', code: [] }),
    /exports weir_request_tail, which ABI version 1 does not have/,
  ],
  [
    'a name of the meter’s',
    () => with3({ name: 'weir:fuel', code: [] }),
    /exports weir:fuel: names that begin with weir: are Weir's own/,
  ],
  [
    'a name that is not UTF-8',
    () => withSection(7, vector([[2, 0xc3, 0x28, 0, 0]])),
    /a name is not UTF-8/,
  ],
  [
    'a phase that is a memory',
    () =>
      withSection(
        7,
        vector([
          [...text('memory'), 2, 0],
          [...text('weir_abi'), 0, 0],
          [...text('weir_reserve'), 0, 1],
          [...text('weir_request_head'), 2, 0],
        ]),
      ),
    /exports weir_request_head as a memory: it must be a function/,
  ],
  [
    'a phase of another type',
    () =>
      replaced({
        name: 'weir_request_head',
        parameters: [i64],
        results: [i32],
        code: [op.const(0)],
      }),
    /abi: weir_request_head takes an i64 where the ABI says i32/,
  ],
  [
    'a phase that answers a fraction',
    () =>
      replaced({
        name: 'weir_request_head',
        parameters: [i32],
        results: [f64],
        code: [[0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]],
      }),
    /weir_request_head returned 1\.5 where an i32 is expected/,
  ],
  [
    'a phase that answers nothing',
    () => replaced({ name: 'weir_request_head', parameters: [i32], code: [] }),
    /weir_request_head returned undefined where an i32 is expected/,
  ],
  [
    'an import of no one',
    () => importOf([0x00, 0]),
    /imports function env\.thing|imports env\.thing/,
  ],
  [
    'an imported memory',
    () => importOf([0x02, 0, 1]),
    /imports the memory env\.thing: only functions/,
  ],
  [
    'an imported table',
    () => importOf([0x01, funcref, 0, 1]),
    /imports the table env\.thing: only functions/,
  ],
  [
    'an imported global',
    () => importOf([0x03, i32, 0]),
    /imports the global env\.thing: only functions/,
  ],
  [
    'another ABI version',
    () => replaced({ name: 'weir_abi', results: [i32], code: [op.const(2)] }),
    /weir_abi\(\) is 2, this host speaks 1/,
  ],
  ['a buffer at 0', () => reserve(0), /weir_reserve\(\d+\) returned 0, which is not an address/],
  [
    'a buffer at an odd address',
    () => reserve(4_098),
    /returned 4098, which is not an address that is a multiple of 4/,
  ],
  [
    'a buffer beyond the memory',
    () => reserve(65_536),
    /the buffer of weir_reserve \(\d+ bytes at 65536\) lies outside/,
  ],
  ['a buffer at a negative address', () => reserve(-16), /4294967280\) lies outside/],
  [
    'a config it does not take',
    () =>
      with3({
        name: 'weir_configure',
        parameters: [i32, i32],
        results: [i32],
        code: [op.const(-2)],
      }),
    /its config holds what the module does not take/,
  ],
  [
    'a config answered with anything',
    () =>
      with3({
        name: 'weir_configure',
        parameters: [i32, i32],
        results: [i32],
        code: [op.const(77)],
      }),
    /answered with 77 instead of 0, -1 or -2/,
  ],
]);

const huge = stopped('load', [
  [
    'a memory beyond the cap',
    () => memoryOf(0, ...leb(65_536)),
    /begins with a memory of 65536 pages: at most 256/,
  ],
  ['two memories', () => withSection(5, [2, 0, 1, 0, 1]), /has 2 memories: exactly one is allowed/],
  ['a shared memory', () => memoryOf(3, 1, 2), /a shared memory: build without threads/],
  ['a 64-bit memory', () => memoryOf(4, 1), /a 64-bit memory: build for wasm32/],
  [
    'a table of ten million',
    () => withSection(4, [1, funcref, 0, ...leb(10_000_000)]),
    /a table of 10000000 elements: at most 10000/,
  ],
  [
    'seventeen tables',
    () => withSection(4, [17, ...repeated(17, funcref, 0, 1)]),
    /has 17 tables: at most 16/,
  ],
  [
    'four billion locals',
    () => withBody([1, ...leb(0xffff_ffff), i32], [0x41, 0]),
    /more than 50000 locals|local count too large/,
  ],
  [
    'a hundred thousand and one functions',
    () => withSection(3, [...leb(100_001), ...repeated(100_001, 0)]),
    /has 100001 functions: at most 100000/,
  ],
  [
    'twenty thousand types',
    () => withSection(1, [...leb(20_000), ...repeated(20_000, 0x60, 0, 0)]),
    /has 20000 types: at most 10000/,
  ],
  [
    'a function of two megabytes',
    () => withBody([0], [...repeated(2_000_000, 0x01), 0x41, 0]),
    /a function has \d+ bytes: at most 1048576/,
  ],
  [
    'ten thousand nested blocks',
    () => withBody([0], [...nested(10_000), 0x41, 0]),
    /blocks are nested deeper than 4096/,
  ],
  [
    'blocks that never close',
    () => withBody([0], repeated(1_000, 0x02, 0x40)),
    /ends in the middle of an item|unterminated control structure/,
  ],
  [
    'data outside its memory',
    () => guest([op.const(0)], { data: { at: 65_530, bytes: words(1, 2, 3) } }),
    /data segment 0 is out of bounds/,
  ],
  [
    'elements outside their table',
    () => withSection(9, [1, 0, ...op.const(5), 0x0b, 1, 0], withSection(4, [1, funcref, 0, 1])),
    /table index is out of bounds/,
  ],
]);

const foreign = stopped('load', [
  [
    'an opcode of no one',
    () => guest([[0x27], op.const(0)]),
    /the opcode 0x27, which this Weir does not know|Invalid opcode 0x27/,
  ],
  [
    'exceptions',
    () => guest([[0x06, 0x40, 0x19, 0x0b], op.const(0)]),
    /uses exceptions: build without exception handling/,
  ],
  [
    'a tag section',
    () => joined([...sectionsOf(guest()), { id: 13, content: [0] }]),
    /declares exceptions|unknown number 13/,
  ],
  [
    'atomics',
    () => guest([[0xfe, 0x03, 0x00], op.const(0)]),
    /uses threads: build without atomics/,
  ],
  [
    'a second memory’s access',
    () => guest([op.const(0), [0x28, 0x42, 0x00, 0x01], op.drop, op.const(0)]),
    /names a memory by number: build without multi-memory/,
  ],
  [
    'structs',
    () => guest([[0xfb, 0x00, 0x00], op.const(0)]),
    /uses typed references or garbage-collected types|invalid struct index/,
  ],
]);

const recursion: FunctionSpec = { code: [op.call(3)] };
const spends = stopped('load', [
  [
    'a start function that loops',
    () => start(op.spin),
    /fuel: used up its fuel of \d+ instructions in its start function: it may/,
  ],
  [
    'a start function that traps',
    () => start(op.unreachable),
    /trap: unreachable in its start function at wasm-function/,
  ],
  [
    'a start function without a bottom',
    () => guest([op.const(0)], { functions: [recursion], start: 3 }),
    /stack: the call stack is exhausted|used up its fuel/,
  ],
  [
    'a start function that fills its memory again and again',
    () => start(...loop(op.const(0), op.const(1), op.const(65_536), [0xfc, 11, 0])),
    /fuel: used up its fuel of \d+ instructions in its start function: it may/,
  ],
  [
    'a weir_abi that loops',
    () => replaced({ name: 'weir_abi', results: [i32], code: [op.spin, op.const(1)] }),
    /fuel: used up its fuel of \d+ instructions in weir_abi: it may/,
  ],
  [
    'a weir_reserve that loops',
    () =>
      replaced({
        name: 'weir_reserve',
        parameters: [i32],
        results: [i32],
        code: [op.spin, op.const(4_096)],
      }),
    /fuel: used up its fuel of \d+ instructions in weir_reserve: it may/,
  ],
  [
    'a weir_configure that loops',
    () =>
      with3({
        name: 'weir_configure',
        parameters: [i32, i32],
        results: [i32],
        code: [op.spin, op.const(0)],
      }),
    /fuel: used up its fuel of \d+ instructions in weir_configure: it may/,
  ],
]);

const harmless = (
  [
    [
      'names made of rubbish',
      () =>
        joined([
          ...sectionsOf(guest()),
          custom('name', [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3]),
        ]),
    ],
    ['a memory without a maximum', () => memoryOf(0, 1)],
    [
      'all memory at once',
      () => guest([op.const(255), op.grow, op.drop, op.const(0)], { memory: { initial: 1 } }),
    ],
    ['four thousand nested blocks', () => withBody([0], [...nested(4_000), 0x41, 0])],
    [
      'a megabyte of data nobody reads',
      () => joined([...sectionsOf(guest()), custom('padding', repeated(1_048_576, 0))]),
    ],
  ] as const
).map(([name, bytes]): HostileModule => ({ name, bytes, says: /^$/, stoppedAt: 'fine' }));

export const hostileModules: readonly HostileModule[] = [
  ...broken,
  ...shape,
  ...huge,
  ...foreign,
  ...spends,
  ...calls,
  ...harmless,
];
