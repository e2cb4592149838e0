/**
 * Modules that mean harm or are broken, each made from a good one by the change its name says: where they
 * are stopped, and with which words.
 */
import { goodRecord, guest, recordAt } from './hostile-guest.ts';
import {
  type FunctionSpec,
  i32,
  i64,
  leb,
  op,
  section,
  text,
  vector,
  words,
} from './wasm-builder.ts';

/** `load`: never goes live. `call`: fails a request, its own alone. `fine`: odd, and does no harm. */
export type HostileModule = {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly stoppedAt: 'load' | 'call' | 'fine';
  readonly says: RegExp;
};

type Code = readonly (readonly number[])[];
type Section = { readonly id: number; readonly content: readonly number[] };

function stopped(
  stoppedAt: 'load' | 'call',
  modules: readonly (readonly [name: string, bytes: () => Uint8Array, says: RegExp])[],
): readonly HostileModule[] {
  return modules.map(([name, bytes, says]) => ({ name, bytes, says, stoppedAt }));
}

const f64 = 0x7c;
const funcref = 0x70;
const magic = [0x00, 0x61, 0x73, 0x6d];
const header = [...magic, 0x01, 0x00, 0x00, 0x00];
/** Sections in the order a module has them; 12 stands in front of 10. */
const order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];
const custom = (name: string, content: readonly number[]): Section => ({
  id: 0,
  content: [...text(name), ...content],
});

function sectionsOf(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = header.length; at < bytes.length; ) {
    const id = bytes[at++] as number;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    sections.push({ id, content: [...bytes.subarray(at, at + length)] });
    at += length;
  }
  return sections;
}

const joined = (sections: readonly Section[]): Uint8Array =>
  Uint8Array.from([...header, ...sections.flatMap(({ id, content }) => section(id, content))]);

/** The good module with a section of its own in the place of, or beside, what it has. */
function withSection(id: number, content: readonly number[], base = guest()): Uint8Array {
  const others = sectionsOf(base).filter((item) => item.id !== id);
  const rank = order.indexOf(id);
  const place = others.findIndex((item) => order.indexOf(item.id) > rank);
  return joined(others.toSpliced(place < 0 ? others.length : place, 0, { id, content }));
}

const importOf = (kind: readonly number[]): Uint8Array =>
  withSection(2, vector([[...text('env'), ...text('thing'), ...kind]]));

const memoryOf = (...limits: readonly number[]): Uint8Array => withSection(5, [1, ...limits]);
const start = (...code: Code): Uint8Array =>
  guest([op.const(0)], { functions: [{ code }], start: 3 });
const with3 = (item: FunctionSpec): Uint8Array => guest([op.const(0)], { functions: [item] });
const replaced = (item: FunctionSpec): Uint8Array => guest([op.const(0)], { replaced: item });
const reserve = (address: number): Uint8Array =>
  replaced({
    name: 'weir_reserve',
    parameters: [i32],
    results: [i32],
    code: [op.const(address)],
  });
const repeated = (times: number, ...bytes: readonly number[]): number[] =>
  Array.from({ length: times }, () => bytes).flat();
/** `block` so many times inside each other. */
const nested = (depth: number): number[] => [
  ...repeated(depth, 0x02, 0x40),
  ...repeated(depth, 0x0b),
];

const broken = stopped('load', [
  ['nothing at all', () => new Uint8Array(), /is no WebAssembly: it does not begin with/],
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
    /abi: an export takes an i64 where the ABI says i32/,
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
    /more than 50000 locals/,
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
    /ends in the middle of an item/,
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
    /the opcode 0x27, which this Weir does not know/,
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
    /uses typed references or garbage-collected types/,
  ],
]);

const loop = (...code: Code): Code => [[0x03, 0x40], ...code, [0x0c, 0x00, 0x0b]];
const recursion: FunctionSpec = { code: [op.call(3)] };
const spends = stopped('load', [
  ['a start function that loops', () => start(op.spin), /used up its fuel/],
  [
    'a start function that traps',
    () => start(op.unreachable),
    /trap: unreachable in its start function/,
  ],
  [
    'a start function without a bottom',
    () => guest([op.const(0)], { functions: [recursion], start: 3 }),
    /stack: the call stack is exhausted|used up its fuel/,
  ],
  [
    'a start function that fills its memory again and again',
    () => start(...loop(op.const(0), op.const(1), op.const(65_536), [0xfc, 11, 0])),
    /used up its fuel/,
  ],
  [
    'a weir_abi that loops',
    () => replaced({ name: 'weir_abi', results: [i32], code: [op.spin, op.const(1)] }),
    /fuel: used up its fuel while it was made/,
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
    /fuel: used up its fuel while it was made/,
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
    /fuel: used up its fuel while it was made/,
  ],
]);

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
const calls = stopped('call', [
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
  ['a verdict of no kind', () => record([0, 9]), /record kind 9 is not known/],
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

/** The good module with this as the body of `weir_request_head`, locals and code. */
function withBody(locals: readonly number[], code: readonly number[]): Uint8Array {
  const body = [...locals, ...code, 0x0b];
  const others = [...bodyOf(op.const(1)), ...bodyOf(op.const(4_096))];
  // Joined by hand: spreading a million bytes as arguments would be too much for the stack.
  return withSection(10, [3].concat(others, leb(body.length), body));
}

function bodyOf(code: readonly number[]): number[] {
  const body = [0, ...code, 0x0b];
  return [...leb(body.length), ...body];
}

export const hostileModules: readonly HostileModule[] = [
  ...broken,
  ...shape,
  ...huge,
  ...foreign,
  ...spends,
  ...calls,
  ...harmless,
];
