/**
 * What the official conformance guest of http-wasm expects of a host, and what it leaves out: each host
 * function tried by a guest that judges what it gets (`wasm-rules/testing/http-wasm-conformance`).
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { requestLineOf } from '#waf/request-line.ts';
import {
  type ExchangeParts,
  type ExchangeResult,
  exchangeThrough,
} from '../../support/filter-exchange.ts';
import {
  conformanceGuest,
  type HttpWasmSettings,
  type LoadedHttpWasm,
  loadHttpWasm,
} from '../../support/http-wasm-guests.ts';

type Fields = readonly (readonly [string, string])[];

let guest: Uint8Array;
before(async () => {
  guest = await conformanceGuest();
});

type Tried = ExchangeResult & LoadedHttpWasm;

async function tryCase(
  name: string,
  parts: Omit<ExchangeParts, 'request'> & {
    readonly method?: string;
    readonly target?: string;
    readonly headers?: Fields;
    readonly body?: string;
    readonly trailers?: readonly string[];
    readonly minor?: 0 | 1;
  } = {},
  settings: HttpWasmSettings = {},
): Promise<Tried> {
  const { method = 'GET', target = '/', headers = [], body, trailers, minor = 1, ...rest } = parts;
  const loaded = loadHttpWasm(guest, settings);
  const result = await exchangeThrough(loaded.module, {
    ...rest,
    request: {
      method,
      target,
      minor,
      headers: [['Host', 'a.example'], ['X-Case', name], ...headers],
      ...(body !== undefined && { body }),
      ...(trailers !== undefined && { trailers }),
    },
  });
  return { ...result, ...loaded };
}

/** The guest's own answer, which is not a failed expectation. */
function answerOf({ stop, failures }: Tried): { status: number; fields: Fields; body: string } {
  assert.deepEqual(failures, []);
  assert(stop?.kind === 'answer', `the guest answered nothing: ${JSON.stringify(stop)}`);
  const failed = stop.fields.find(([name]) => name === 'x-failed');
  assert.equal(failed?.[1], undefined);
  assert(stop.fields.some(([name, value]) => name === 'x-handled' && value === '1'));
  return { status: stop.status, fields: stop.fields, body: stop.body.toString('latin1') };
}

function failureOf({ stop, failures }: Tried): string {
  assert(stop?.kind === 'block' && stop.status === 503, JSON.stringify(stop));
  assert.equal(stop.rule, 'plugin/failure');
  assert.equal(failures.length, 1);
  return failures[0] as string;
}

describe('a guest reads of the request', () => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])
    it(`the method ${method}`, async () => {
      answerOf(await tryCase(`method/${method}`, { method }));
    });

  const uris: readonly (readonly [name: string, target: string, expected: string])[] = [
    ['a path', '/simple', '/simple'],
    ['an escaped path', '/simple%26clean', '/simple%26clean'],
    ['a query', '/animal?name=panda', '/animal?name=panda'],
    ['an escaped query', '/disney?name=chip%26dale', '/disney?name=chip%26dale'],
    ['an empty query', '/x?', '/x?'],
    ['an absolute target', 'http://a.example/x?y', '/x?y'],
    ['an absolute target without a path', 'http://a.example', '/'],
    ['an absolute target with nothing but a query', 'http://a.example?y', '/?y'],
    ['the asterisk', '*', '*'],
    ['more than its buffer holds', `/${'x'.repeat(5_000)}`, `/${'x'.repeat(5_000)}`],
  ];
  for (const [name, target, expected] of uris)
    it(`the URI: ${name}`, async () => {
      answerOf(await tryCase('uri/x', { target, headers: [['x-expected', expected]] }));
    });

  it('the protocol version', async () => {
    assert.equal(answerOf(await tryCase('protocol')).body, 'HTTP/1.1');
    assert.equal(answerOf(await tryCase('protocol', { minor: 0 })).body, 'HTTP/1.0');
  });

  it('the client’s address, in the form that holds a port', async () => {
    assert.equal(answerOf(await tryCase('source')).body, '192.0.2.1:0');
    const over6 = await tryCase('source', { clientAddress: '2001:db8::1' });
    assert.equal(answerOf(over6).body, '[2001:db8::1]:0');
  });

  const values: readonly (readonly [
    name: string,
    asked: string,
    headers: Fields,
    found: string,
  ])[] = [
    ['in lower case', 'single-header', [['Single-Header', 'value']], 'value'],
    ['in mixed case', 'Single-Header', [['single-header', 'value']], 'value'],
    ['that is not there', 'not-header', [], ''],
    [
      'with several values',
      'multi-header',
      [
        ['multi-header', 'value1'],
        ['Multi-Header', 'value2'],
      ],
      'value1|value2',
    ],
    ['with an empty value', 'empty', [['empty', '']], ''],
    ['longer than its buffer', 'long', [['long', 'v'.repeat(5_000)]], 'v'.repeat(5_000)],
  ];
  for (const [name, asked, headers, found] of values)
    it(`a header ${name}`, async () => {
      const tried = await tryCase('values', { headers: [['x-name', asked], ...headers] });
      assert.equal(answerOf(tried).body, found);
    });

  it('header names in lower case, each once', async () => {
    const headers: Fields = [
      ['a-header', '1'],
      ['B-Header', '2'],
      ['A-Header', '3'],
    ];
    assert.equal(
      answerOf(await tryCase('names', { headers })).body,
      'host|x-case|a-header|b-header',
    );
  });

  for (const bytes of [0, 5, 2_048, 4_096, 5_000])
    it(`a body of ${bytes} bytes`, async () => {
      answerOf(await tryCase(`body/${bytes}`, { method: 'POST', body: 'a'.repeat(bytes) }));
    });

  it('no body where there is none', async () => {
    answerOf(await tryCase('body/0'));
  });

  it('the start of a body that is longer than what is held back, and no more', async () => {
    const body = 'abcdefghij';
    assert.equal(answerOf(await tryCase('start-of-body', { body, windowBytes: 8 })).body, 'abcde');
    const tried = await tryCase('body/10', { body, windowBytes: 8 });
    assert.match(failureOf(tried), /capacity: read_body: the body is longer than the 8 bytes/);
  });

  it('which features there are', async () => {
    assert.equal(answerOf(await tryCase('features')).body, '7');
    assert.equal(answerOf(await tryCase('features/again')).body, '7');
  });

  it('no trailers where none came', async () => {
    assert.equal(answerOf(await tryCase('trailers')).body, '00');
    assert.equal(answerOf(await tryCase('trailers', { body: 'x' })).body, '00');
  });

  it('trailers, by name in any case', async () => {
    const parts = { body: 'x', trailers: ['X-Sum', '1', 'x-sum', '2', 'X-Other', '3'] };
    assert.equal(answerOf(await tryCase('trailers/names', parts)).body, 'x-sum|x-other');
    assert.equal(answerOf(await tryCase('trailers/values', parts)).body, '1|2');
  });
});

describe('trailers of a request', () => {
  const parts = { body: 'x', trailers: ['X-Sum', '1', 'X-Secret', 'key', 'x-b', '2'] };

  it('are changed, and go on as the guest has left them', async () => {
    const { transaction, failures } = await tryCase('trailers/change', parts);
    assert.deepEqual(failures, []);
    const changed = ['x-sum', '1!', 'x-b', '2', 'x-count', '2'];
    assert.deepEqual(transaction.changedRequestTrailers, changed);
  });

  it('are left alone by who changes none', async () => {
    const { transaction } = await tryCase('set/new', parts);
    assert.equal(transaction.changedRequestTrailers, null);
  });

  for (const [name, more, why] of [
    [
      'trailers/set',
      { trailers: [] },
      /unsupported: set_header_value: the request is not sent in chunks/,
    ],
    ['trailers/long', {}, /capacity: trailers of more than 8192 bytes/],
    ['trailers/many', {}, /capacity: more than 64 trailer changes in one call/],
    [
      'trailers/framing',
      {},
      /unsupported: set_header_value: transfer-encoding is written by the edge/,
    ],
    [
      'trailers/early',
      {},
      /unsupported: set_header_value: trailers of the response change in handle_response/,
    ],
    [
      'trailers/names',
      { body: 'abcdefghij', windowBytes: 8 },
      /capacity: trailers: the body is longer than the 8 bytes/,
    ],
  ] as const)
    it(`fail by name: ${name}`, async () => {
      assert.match(failureOf(await tryCase(name, { ...parts, ...more })), why);
    });
});

describe('a guest reads its config', () => {
  it('as JSON', async () => {
    const tried = await tryCase('config', {}, { config: { a: [1, 'ä'], text: 'x' } });
    assert.equal(
      Buffer.from(answerOf(tried).body, 'latin1').toString(),
      '{"a":[1,"ä"],"text":"x"}',
    );
  });

  it('as it stands where it is a lone text', async () => {
    assert.equal(
      answerOf(await tryCase('config', {}, { config: { text: 'a=1\n' } })).body,
      'a=1\n',
    );
  });

  it('as an empty object where there is none', async () => {
    assert.equal(answerOf(await tryCase('config')).body, '{}');
  });
});

describe('a guest changes request headers', () => {
  const cases: readonly (readonly [name: string, edits: readonly (readonly string[])[]])[] = [
    ['set/new', [['set', 'new-header', 'value']]],
    ['set/existing', [['set', 'existing-header', 'value']]],
    ['add/new', [['add', 'new-header', 'value']]],
    ['add/existing', [['add', 'existing-header', 'value']]],
    ['remove/new', [['remove', 'new-header', '']]],
    ['remove/existing', [['remove', 'existing-header', '']]],
    // The length of a message is the host's to say.
    ['set/length', []],
  ];
  for (const [name, edits] of cases)
    it(name, async () => {
      const tried = await tryCase(name, { headers: [['existing-header', 'bear']] });
      assert.equal(tried.stop, null);
      assert.deepEqual(
        tried.requestEdits.map((edit) => [edit.kind, edit.name, edit.value]),
        edits,
      );
      assert.deepEqual(tried.failures, []);
    });

  it('and sees its own changes, in both messages', async () => {
    const tried = await tryCase('own-edits', { headers: [['existing-header', 'bear']] });
    assert.equal(answerOf(tried).body, '1|2 false 3 b');
  });

  it('and those of a response that is still to come', async () => {
    const { responseEdits, stop } = await tryCase('set/response');
    assert.equal(stop, null);
    assert.deepEqual(responseEdits[0], { kind: 'set', name: 'x-early', value: 'yes' });
  });
});

describe('a guest changes the request line', () => {
  const head = (name: string, value = '', method = 'GET', target = '/a?b') =>
    tryCase(name, { method, target, headers: [['x-value', value]] });

  for (const [name, value, line] of [
    ['set-method', '', 'POST /a?b'],
    ['set-method/value', 'PATCH', 'PATCH /a?b'],
    ['set-uri', '', 'GET /animal?name=panda'],
    ['set-uri/value', '/v1.0/hello%20world', 'GET /v1.0/hello%20world'],
    ['set-uri/value', '?only=query', 'GET /?only=query'],
    ['set-uri/value', '', 'GET /'],
    ['set-uri/longer', '', 'GET /a?b/x'],
  ] as const)
    it(`${name} ${value}`, async () => {
      const { transaction, stop, failures } = await head(name, value);
      assert.equal(stop, null);
      assert.deepEqual(failures, []);
      const { method, uri } = requestLineOf(transaction.request);
      assert.equal(`${method} ${uri}`, line);
      assert.equal(transaction.request.headerValue(0), 'a.example');
    });

  it('and sees what it has made of it', async () => {
    assert.equal(answerOf(await head('set-line/seen')).body, 'PUT /b?c');
  });

  for (const [name, value, method, failure] of [
    ['set-method/value', 'HEAD', 'GET', /unsupported: set_method: GET cannot become HEAD/],
    ['set-method/value', 'GET', 'HEAD', /unsupported: set_method: HEAD cannot become GET/],
    ['set-method/value', 'CONNECT', 'GET', /unsupported: set_method: GET cannot become CONNECT/],
    ['set-method/value', 'G T', 'GET', /unsupported: set_method: "G T" is no method/],
    ['set-method/value', '', 'GET', /unsupported: set_method: "" is no method/],
    ['set-uri/value', '/a b', 'GET', /unsupported: set_uri: the URI is no path/],
    ['set-uri/value', '/a#b', 'GET', /unsupported: set_uri: the URI is no path/],
    ['set-uri/value', 'http://evil/', 'GET', /unsupported: set_uri: the URI is no path/],
    ['set-uri/value', `/${'a'.repeat(8_192)}`, 'GET', /unsupported: set_uri: a URI of 8193 bytes/],
  ] as const)
    it(`but not with ${method} ${name} ${value.slice(0, 20)}`, async () => {
      const { failures } = await head(name, value, method);
      assert.match(failures.join('\n'), failure);
    });
});

describe('a guest is refused, by name, what the host cannot do safely', () => {
  const cases: readonly (readonly [name: string, failure: RegExp])[] = [
    [
      'set/framing',
      /unsupported: set_header_value: transfer-encoding is written by the edge itself/,
    ],
    ['set/host', /unsupported: set_header_value: host is written by the edge itself/],
    ['set/newline', /unsupported: set_header_value: the value of a holds a line break/],
    ['set/name', /unsupported: set_header_value: "a b" is no field name/],
    ['set/many', /capacity: more than 64 header changes/],
    ['status/low', /abi: status 199 is not between 200 and 599/],
    [
      'answer/both',
      /unsupported: handle_request wrote a response body and then let the request go on/,
    ],
    ['answer/no-content', /abi: a response with status 204 has no body/],
    ['trap', /trap: unreachable/],
    ['spin', /fuel: used up its fuel of 20000000 instructions/],
  ];
  for (const [name, failure] of cases)
    it(name, async () => {
      const tried = await tryCase(name);
      assert.match(failureOf(tried), failure);
      assert.deepEqual([tried.requestEdits, tried.responseEdits], [[], []]);

      const open = await tryCase(name, {}, { failure: 'open' });
      assert.equal(open.stop, null);
      assert.deepEqual([open.requestEdits, open.responseEdits], [[], []]);
    });

  it('but may write back the method and the URI as they are', async () => {
    assert.equal((await tryCase('set-method/same')).stop, null);
    assert.equal((await tryCase('set-uri/same', { target: '/a?b' })).stop, null);
  });
});

describe('a guest answers itself', () => {
  it('with status, headers and a body written in pieces', async () => {
    const { status, fields, body } = answerOf(await tryCase('answer'));
    assert.equal(status, 418);
    assert.deepEqual(fields, [
      ['set-cookie', 'a=b'],
      ['set-cookie', 'c=d'],
      ['content-type', 'text/plain'],
      ['x-handled', '1'],
    ]);
    assert.equal(body, 'short and stout');
  });

  it('with 200 and nothing, where it says nothing', async () => {
    const { status, body } = answerOf(await tryCase('answer/empty'));
    assert.deepEqual([status, body], [200, '']);
    assert.equal(answerOf(await tryCase('status')).body, '200');
  });
});

describe('a guest replaces the request body', () => {
  it('by what it writes, in pieces', async () => {
    const { transaction, stop } = await tryCase('replace-body', { method: 'POST', body: 'quiet' });
    assert.equal(stop, null);
    assert.equal(transaction.replacedRequestBody?.toString(), 'QUIET!');
  });

  it('by nothing', async () => {
    const { transaction } = await tryCase('empty-body', { method: 'POST', body: 'quiet' });
    assert.equal(transaction.replacedRequestBody?.length, 0);
  });

  it('only where all of it is held back', async () => {
    const tried = await tryCase('empty-body', { method: 'POST', body: 'quiet', windowBytes: 3 });
    assert.match(failureOf(tried), /capacity: write_body: the request body is longer/);
    assert.equal(tried.transaction.replacedRequestBody, null);
  });
});

describe('a guest that has asked for the response', () => {
  const response = {
    status: 201,
    headers: [
      ['X-Origin', '1'],
      ['x-origin', '2'],
    ] as Fields,
    body: 'a secret',
  };
  const seen = ({ responseEdits }: Tried): string | undefined =>
    responseEdits.find(({ name }) => name === 'x-seen')?.value;

  it('reads status, headers and body', async () => {
    assert.equal(seen(await tryCase('response/read', { response })), '201 1|2 a secret');
  });

  it('reads one without a body', async () => {
    assert.equal(seen(await tryCase('response/read', { response: { status: 304 } })), '304');
  });

  it('reads the names of its headers, its own among them', async () => {
    assert.equal(seen(await tryCase('response/names', { response })), 'x-origin|x-handled');
  });

  it('changes headers and body', async () => {
    const { transaction, stop, responseEdits } = await tryCase('response/change', { response });
    assert.equal(stop, null);
    assert.equal(transaction.replacedResponseBody?.toString(), 'a ######');
    assert.deepEqual(
      responseEdits.map(({ kind, name }) => `${kind} ${name}`),
      ['set x-handled', 'remove x-origin', 'add x-added'],
    );
  });

  it('changes the status, and keeps fields and body', async () => {
    const { stop, stoppedIn } = await tryCase('response/status', {
      response: {
        ...response,
        headers: [
          ['Connection', 'x-hop'],
          ['X-Hop', '1'],
          ['Content-Length', '8'],
          ['X-Origin', '1'],
        ],
      },
    });
    assert.equal(stoppedIn, 'response body');
    assert(stop?.kind === 'answer');
    assert.equal(stop.status, 404);
    assert.deepEqual(stop.fields, [
      ['x-origin', '1'],
      ['x-handled', '1'],
    ]);
    assert.equal(stop.body.toString(), 'a secret');
  });

  it('changes status and body', async () => {
    const { stop } = await tryCase('response/status-body', { response });
    assert(stop?.kind === 'answer');
    assert.deepEqual([stop.status, stop.body.toString()], [404, 'gone']);
  });

  it('fails where it is longer than what is held back', async () => {
    const tried = await tryCase('response/read', { response, windowBytes: 4 });
    assert.match(failureOf(tried), /capacity: the response body is longer than the 4 bytes/);
  });

  it('cannot change the request any more', async () => {
    const tried = await tryCase('response/set-request', { response });
    assert.match(failureOf(tried), /abi: request header a cannot change after handle_request/);
  });

  it('gets its policy for a trap there', async () => {
    const tried = await tryCase('response/trap', { response });
    assert.match(failureOf(tried), /trap: unreachable/);
    assert.equal(tried.stoppedIn, 'response body');
  });

  it('is told where none came', async () => {
    const { logged, failures } = await tryCase('response/read', { response: null });
    assert.deepEqual(failures, []);
    assert.deepEqual(logged, [[2, 'error after response/read']]);
  });
});

it('a guest logs at each level, and may ask which are heard', async () => {
  const tried = await tryCase('log');
  assert.equal(answerOf(tried).body, '01110');
  assert.deepEqual(tried.logged, [
    [4, 'debug'],
    [3, 'info ä'],
    [2, 'warn'],
    [1, 'error'],
  ]);
});
