/** Each step from a test's input to the bytes on the wire. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestBytes } from '#toolchain/ftw/request-bytes.ts';
import { parseTests } from '#toolchain/ftw/test-file.ts';

const cases: readonly { readonly what: string; readonly input: string; readonly bytes: string }[] =
  [
    { what: 'defaults', input: '{}', bytes: 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n' },
    {
      what: 'the request line goes out as it stands',
      input: '{ method: "G T", uri: "/a b#c\\\\", version: "JUNK/9" }',
      bytes: 'G T /a b#c\\ JUNK/9\r\nConnection: close\r\n\r\n',
    },
    {
      what: 'a map of fields is sorted by byte, values are text',
      input: '{ headers: { b: 010, a: "x y", Z: yes } }',
      bytes: 'GET / HTTP/1.1\r\nZ: yes\r\na: x y\r\nb: 010\r\nConnection: close\r\n\r\n',
    },
    {
      what: 'a list of fields keeps its order and repetitions',
      input: '{ headers: [{ name: b, value: 1 }, { name: a, value: 2 }, { name: b, value: 3 }] }',
      bytes: 'GET / HTTP/1.1\r\nb: 1\r\na: 2\r\nb: 3\r\nConnection: close\r\n\r\n',
    },
    {
      what: 'a body gets a type, is form-encoded, and its length is counted after that',
      input: '{ method: POST, data: "a=b c&d=é&e" }',
      bytes:
        'POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 16\r\n\r\na=b+c&d=%C3%A9&e',
    },
    {
      what: 'a body that is encoded, or looks so, is left alone',
      input:
        '{ method: POST, data: "a=%zz b", headers: { Content-Type: application/x-www-form-urlencoded } }',
      bytes:
        'POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 7\r\n\r\na=%zz b',
    },
    {
      what: 'another type with parameters is no form',
      input:
        '{ method: POST, data: "a=b c", headers: { Content-Type: "application/x-www-form-urlencoded; charset=utf-8" } }',
      bytes:
        'POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\nConnection: close\r\nContent-Length: 5\r\n\r\na=b c',
    },
    {
      what: 'multipart lines end in CRLF, completed or not',
      input:
        '{ method: POST, autocomplete_headers: false, data: "--x\\n\\ny\\n", headers: { Content-Type: "multipart/form-data; boundary=x" } }',
      bytes:
        'POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n\r\ny\r\n',
    },
    {
      what: 'a template is expanded first',
      input: `{ method: POST, data: 'a={{ "xy" | repeat 3 }}', headers: { Content-Type: text/plain } }`,
      bytes:
        'POST / HTTP/1.1\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 8\r\n\r\na=xyxyxy',
    },
    {
      what: 'methods that may carry a body say that they carry none',
      input: '{ method: PUT }',
      bytes: 'PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
    },
    {
      what: 'what is given is not completed',
      input: '{ method: POST, headers: { connection: keep-alive, content-length: 99 } }',
      bytes: 'POST / HTTP/1.1\r\nconnection: keep-alive\r\ncontent-length: 99\r\n\r\n',
    },
    {
      what: 'nothing is completed when the test says so',
      input: '{ method: POST, autocomplete_headers: false, data: "a b" }',
      bytes: 'POST / HTTP/1.1\r\n\r\na b',
    },
    {
      what: 'an encoded body',
      input: '{ method: X, autocomplete_headers: false, encoded_data: "/wA=" }',
      bytes: 'X / HTTP/1.1\r\n\r\n\u00ff\0',
    },
    {
      what: 'an encoded request is all there is',
      input: '{ encoded_request: "R0VUIC8NCg==", method: POST }',
      bytes: 'GET /\r\n',
    },
  ];

function testWith(input: string) {
  const text = `rule_id: 1\ntests:\n  - test_id: 1\n    stages:\n      - input: ${input}\n        output: { log: { expect_ids: [1] } }\n`;
  const stage = parseTests(text, 'a.yaml')[0]?.stages[0];
  assert(stage !== undefined);
  return stage;
}

describe('the bytes of a request', () => {
  for (const { what, input, bytes } of cases) {
    it(what, () => {
      assert.equal(requestBytes(testWith(input).input).toString('latin1'), bytes);
    });
  }

  it('another template is an error, never an empty body', () => {
    assert.throws(
      () => requestBytes(testWith(`{ method: POST, data: '{{ "a" | upper }}' }`).input),
      /only \{\{ "text" \| repeat N \}\} is known/,
    );
  });
});

describe('a file of tests', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['rule_id: 1\nrulez: 2\ntests: []', /rulez is not known/],
    ['rule_id: 1\ntests:\n  - test_id: 1\n    stages: []', /has no stages/],
    ['tests: []', /rule_id is missing/],
    ['rule_id: 1\ntests:\n  - test_id: x\n    stages: []', /is no number/],
    ['rule_id: 1\nmeta: { enabled: false }\ntests: []', /switched off/],
    ['a: [', /a\.yaml/],
  ];
  for (const [text, expected] of wrong) {
    it(`is refused where ${expected.source}`, () => {
      assert.throws(() => parseTests(text, 'a.yaml'), expected);
    });
  }

  it('knows no way to ignore a test or to bend what it expects', () => {
    const stage = 'input: {}, output: { log: {} }';
    for (const key of ['ignore: true', 'expected_failure: true']) {
      const text = `rule_id: 1\ntests:\n  - { test_id: 1, ${key}, stages: [{ ${stage} }] }`;
      assert.throws(() => parseTests(text, 'a.yaml'), /is not known/);
    }
  });
});
