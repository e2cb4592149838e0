/** Modules that are wrong, or mean harm: what the host says of them and what a request gets. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WeirError } from '#core/errors.ts';
import { compileModule, type LiveModule } from '#wasm/live-module.ts';
import { inspectHead } from '../support/filters.ts';
import { testLimits, testServices, testSource } from '../support/guests.ts';
import { goodRecord, guest, recordAt, verdictGuest } from '../support/hostile-guest.ts';
import { viewOf } from '../support/view.ts';
import { i32, i64, op, words } from '../support/wasm-builder.ts';

const limits = { ...testLimits, headBytesMax: 4_096, headersMax: 20 };
const facts = { clientAddress: '192.0.2.1', tls: false };
const view = viewOf({ target: '/x', headers: [['Host', 'a.example']] });

function load(
  bytes: Uint8Array,
  failure: 'open' | 'closed' = 'closed',
  messages: string[] = [],
): LiveModule {
  return compileModule(
    { ...testSource, name: 'hostile', bytes, failure },
    limits,
    testServices,
    (message) => messages.push(message),
  );
}

function changed(index: number, value: number): readonly number[] {
  return goodRecord.with(index, value);
}

describe('a module is refused at load when it', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['is not WebAssembly', Uint8Array.from([1, 2, 3, 4]), /byte 0: is no WebAssembly/],
    ['is cut short', guest().subarray(0, 40), /declares 3 functions and has the code of 0/],
    [
      'lacks weir_request_head',
      guest([op.const(0)], { without: 'weir_request_head' }),
      /exports no phase/,
    ],
    [
      'lacks weir_abi',
      guest([op.const(0)], { without: 'weir_abi' }),
      /does not export the function weir_abi/,
    ],
    ['has no memory', guest([op.const(0)], { memory: null }), /does not export its memory/],
    [
      'exports its memory under another name',
      guest([op.const(0)], { memory: { initial: 1, maximum: 2, exported: 'mem' } }),
      /under the name memory/,
    ],
    [
      'begins with more memory than it may have',
      guest([op.const(0)], { memory: { initial: 257 } }),
      /begins with a memory of 257 pages: at most 256/,
    ],
    [
      'imports a function of the host',
      guest([op.const(0)], { imports: [{ module: 'wasi_snapshot_preview1', name: 'fd_write' }] }),
      /imports function wasi_snapshot_preview1\.fd_write/,
    ],
    [
      'has a phase this ABI lacks',
      guest([op.const(0)], { functions: [{ name: 'weir_trailers', code: [] }] }),
      /exports weir_trailers, which ABI version 1 does not have/,
    ],
    [
      'speaks another ABI',
      guest([op.const(0)], { replaced: { name: 'weir_abi', results: [i32], code: [op.const(2)] } }),
      /weir_abi\(\) is 2, this host speaks 1/,
    ],
    [
      'has the wrong number of parameters',
      guest([op.const(0)], {
        replaced: { name: 'weir_request_head', results: [i32], code: [op.const(0)] },
      }),
      /weir_request_head takes 0 parameters instead of 1/,
    ],
    [
      'takes an i64',
      guest([op.const(0)], {
        replaced: {
          name: 'weir_reserve',
          parameters: [i64],
          results: [i32],
          code: [op.const(4096)],
        },
      }),
      /i64 where the ABI says i32/,
    ],
    [
      'returns an i64',
      guest([op.const(0)], {
        replaced: {
          name: 'weir_reserve',
          parameters: [i32],
          results: [i64],
          code: [op.const64(4096)],
        },
      }),
      /weir_reserve returned 4096 where an i32 is expected/,
    ],
    [
      'reserves no buffer',
      guest([op.const(0)], {
        replaced: { name: 'weir_reserve', parameters: [i32], results: [i32], code: [op.const(0)] },
      }),
      /weir_reserve\(\d+\) returned 0/,
    ],
    [
      'reserves an odd address',
      guest([op.const(0)], {
        replaced: {
          name: 'weir_reserve',
          parameters: [i32],
          results: [i32],
          code: [op.const(4097)],
        },
      }),
      /returned 4097/,
    ],
    [
      'reserves beyond its memory',
      guest([op.const(0)], {
        replaced: {
          name: 'weir_reserve',
          parameters: [i32],
          results: [i32],
          code: [op.const(65_532)],
        },
      }),
      /the buffer of weir_reserve .* lies outside/,
    ],
    [
      'reserves at a negative address',
      guest([op.const(0)], {
        replaced: { name: 'weir_reserve', parameters: [i32], results: [i32], code: [op.const(-4)] },
      }),
      /4294967292\) lies outside/,
    ],
    [
      'traps in its start function',
      guest([op.const(0)], { functions: [{ code: [op.unreachable] }], start: 3 }),
      /trap: unreachable/,
    ],
  ];
  for (const [name, bytes, fault] of cases) {
    it(name, () => {
      assert.throws(
        () => load(bytes),
        (error: unknown) => {
          assert(error instanceof WeirError && error.code === 'MODULE_INVALID', String(error));
          assert.match(error.message, /^rule module hostile is not usable: /);
          assert.match(error.details.join('\n'), fault);
          return true;
        },
      );
    });
  }

  it('imports a host call by another type than it has', () => {
    const bytes = guest([op.const(0)], {
      imports: [
        { module: 'weir', name: 'log', parameters: [i32, i64, i32] },
        { module: 'env', name: 'abort' },
      ],
    });
    const source = { ...testSource, name: 'hostile', bytes, grants: ['log'] };
    assert.throws(
      () => compileModule(source, limits, testServices, () => {}),
      (error: unknown) => {
        assert(error instanceof WeirError);
        assert.deepEqual(error.details, [
          'imports weir.log as (i32,i64,i32)->(): it is (i32,i32,i32)->()',
          'imports env.abort as ()->(): it is (i32,i32,i32,i32)->()',
        ]);
        return true;
      },
    );
  });

  it('has several faults, and names each', () => {
    const bytes = guest([op.const(0)], {
      without: 'weir_abi',
      memory: { initial: 1, exported: 'mem' },
      imports: [
        { module: 'env', name: 'seed' },
        { module: 'env', name: 'abort', parameters: [i32, i32, i32, i32] },
      ],
    });
    assert.throws(
      () => load(bytes),
      (error: unknown) => {
        assert(error instanceof WeirError);
        assert.equal(error.details.length, 3);
        assert.match(error.message, /and 2 more/);
        return true;
      },
    );
  });
});

describe('an answer to a request is a failure when', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    [
      'the record lies outside the memory',
      verdictGuest(goodRecord, 65_500),
      /the verdict \(56 bytes at 65500\) lies outside/,
    ],
    ['the record lies at a negative address', verdictGuest(goodRecord, -64), /lies outside/],
    ['the record is not aligned', verdictGuest(goodRecord, recordAt + 2), /not a multiple of 4/],
    ['the kind is unknown', verdictGuest(changed(0, 9)), /record kind 9 is none for a request/],
    ['the status is a success', verdictGuest(changed(2, 200)), /status 200/],
    ['the status is just below the range', verdictGuest(changed(2, 399)), /status 399/],
    ['the status is just above the range', verdictGuest(changed(2, 600)), /status 600/],
    ['the status is negative', verdictGuest(changed(2, -1)), /status 4294967295/],
    ['the rule is too long', verdictGuest(changed(7, 129)), /rule is 129 bytes long/],
    ['the rule is empty', verdictGuest(changed(7, 0)), /visible ASCII/],
    ['the rule has a blank', verdictGuest(changed(7, 8)), /visible ASCII/],
    ['the reason is too long', verdictGuest(changed(9, 513)), /reason is 513 bytes long/],
    ['the target is too long', verdictGuest(changed(11, 129)), /target is 129 bytes long/],
    ['the match is too long', verdictGuest(changed(13, 129)), /matched is 129 bytes long/],
    [
      'a text begins at the end of memory',
      verdictGuest(changed(8, 65_536)),
      /reason \(6 bytes at 65536\) lies outside/,
    ],
    [
      'a text wraps around',
      verdictGuest(changed(12, 0xffff_fffe)),
      /matched \(5 bytes at 4294967294\) lies outside/,
    ],
    ['it traps', guest([op.unreachable, op.const(0)]), /trap: unreachable at .*wasm-function/],
    [
      'it reads out of bounds',
      guest([op.const(-1), [0x28, 0x02, 0x00]]),
      /trap: memory access out of bounds/,
    ],
    [
      'it calls itself without end',
      guest([op.local(0), op.call(2)]),
      /stack: the call stack is exhausted/,
    ],
    [
      'it aborts',
      guest([op.const(4), op.const(0), op.const(7), op.const(9), op.call(0), op.const(0)], {
        imports: [{ module: 'env', name: 'abort', parameters: [i32, i32, i32, i32] }],
        data: { at: 0, bytes: [...words(6), ...Buffer.from('bad', 'utf16le')] },
      }),
      /abort: bad at 7:9/,
    ],
    [
      'it aborts with a pointer out of bounds',
      guest([op.const(-2), op.const(-1), op.const(7), op.const(9), op.call(0), op.const(0)], {
        imports: [{ module: 'env', name: 'abort', parameters: [i32, i32, i32, i32] }],
      }),
      /abort: the module aborted at 7:9/,
    ],
  ];
  for (const [name, bytes, fault] of cases) {
    it(`${name}: closed answers 503, open lets pass, both count and tell`, () => {
      const messages: string[] = [];
      const closed = load(bytes, 'closed', messages);
      const verdict = inspectHead(closed, view, facts);
      assert(verdict.kind === 'block');
      assert.match(verdict.reason, fault);
      const { status, rule, target, matched } = verdict;
      assert.deepEqual(
        { status, rule, target, matched },
        { status: 503, rule: 'hostile/failure', target: 'module', matched: '' },
      );
      inspectHead(closed, view, facts);
      assert.equal(closed.failures, 2);
      assert.match(closed.lastFailure ?? '', fault);
      assert.equal(messages.length, 2);
      assert.match(messages[0] ?? '', /^rule module hostile failed \(policy closed\): /);

      const open = load(bytes, 'open');
      assert.deepEqual(inspectHead(open, view, facts), { kind: 'allow' });
      assert.equal(open.failures, 1);
    });
  }
});

describe('a live module', () => {
  it('passes on a verdict that is right', () => {
    assert.deepEqual(inspectHead(load(verdictGuest(goodRecord)), view, facts), {
      kind: 'block',
      status: 403,
      rule: 'rule/a',
      reason: 'reason',
      target: 'target',
      matched: 'match',
    });
  });

  it('takes texts that end with the memory, and the longest allowed', () => {
    const record = goodRecord.with(12, 65_536 - 128).with(13, 128);
    const verdict = inspectHead(load(verdictGuest(record)), view, facts);
    assert(verdict.kind === 'block');
    assert.equal(verdict.matched.length, 128);
  });

  it('gets a new instance after a failure, with a fresh memory', () => {
    // Writes a mark and traps where the view is longer than 150 bytes; blocks where it finds the mark.
    const longerThan150 = [op.local(0), [0x28, 0x02, 0x00], op.const(150), [0x4b, 0x04, 0x40]];
    const trapsWhenLong = [
      ...longerThan150,
      ...[op.const(0), op.const(1), op.store, op.unreachable, [0x0b]],
    ];
    const readsMark = [op.const(0), [0x28, 0x02, 0x00]];
    const module = load(guest([...trapsWhenLong, ...readsMark]));
    const long = viewOf({ target: `/${'x'.repeat(200)}` });
    const kinds = [view, long, view, long, view].map((one) => inspectHead(module, one, facts).kind);
    assert.deepEqual(kinds, ['allow', 'block', 'allow', 'block', 'allow']);
    assert.equal(module.failures, 2);
  });

  it('follows a memory that grows during a call', () => {
    const module = load(
      guest([op.const(1), op.grow, op.drop, op.const(0)], { memory: { initial: 1, maximum: 8 } }),
    );
    for (let i = 0; i < 20; i++) assert.equal(inspectHead(module, view, facts).kind, 'allow');
    assert.equal(module.failures, 0);
  });

  it('reads a verdict from memory that the call itself has grown', () => {
    const at = 65_536 + 8;
    const stores = goodRecord.flatMap((word, index) => [
      op.const(at + index * 4),
      op.const(word),
      op.store,
    ]);
    const bytes = guest([op.const(1), op.grow, op.drop, ...stores, op.const(at)], {
      data: {
        at: recordAt,
        bytes: [...words(...goodRecord), ...Buffer.from('rule/a reason target match')],
      },
    });
    const verdict = inspectHead(load(bytes), view, facts);
    assert(verdict.kind === 'block');
    assert.equal(verdict.rule, 'rule/a');
  });

  it('applies its policy while no instance can be made, and recovers when one can', (context) => {
    const module = load(
      guest([
        op.local(0),
        [0x28, 0x02, 0x00],
        op.const(90),
        [0x4b, 0x04, 0x40],
        op.unreachable,
        [0x0b],
        op.const(0),
      ]),
    );
    const tooLong = viewOf({ target: `/${'x'.repeat(100)}` });
    const short = viewOf({ target: '/' });
    assert.equal(inspectHead(module, short, facts).kind, 'allow');
    assert.equal(inspectHead(module, tooLong, facts).kind, 'block');
    const { mock } = context.mock.method(WebAssembly, 'Instance', function refuse() {
      throw new RangeError(
        'WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance',
      );
    });
    for (let i = 0; i < 3; i++) {
      const verdict = inspectHead(module, short, facts);
      assert(verdict.kind === 'block');
      assert.match(verdict.reason, /cannot be instantiated: .*Cannot allocate/);
    }
    mock.restore();
    assert.equal(inspectHead(module, short, facts).kind, 'allow');
    assert.equal(module.failures, 4);
  });
});
