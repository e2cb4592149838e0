/** One rule set on recorded requests: what a route, its modes and its windows make of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { loadConfig } from '#config/load.ts';
import type { RecordedRequest } from '#replay/recorded-request.ts';
import { RuleSide, type RuleSide as Side } from '#replay/rule-side.ts';
import { testSource } from '../support/guests.ts';
import { seclangModule } from '../support/seclang.ts';
import { statusGuest } from '../support/versioned-guest.ts';

const rules = `
SecRuleEngine On
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:User-Agent "@contains scanner" "id:1,phase:1,deny,msg:'a scanner'"
SecRule ARGS "@contains attack" "id:2,phase:2,deny,msg:'an attack'"
SecRule RESPONSE_HEADERS:X-Leak "@contains yes" "id:3,phase:3,deny,msg:'a leak'"
SecRule REMOTE_ADDR "@ipMatch 2001:db8::/32" "id:4,phase:1,pass,log,msg:'from there'"
`;

async function side(
  waf: string,
  bytes = seclangModule(rules),
  failures: string[] = [],
): Promise<Side> {
  const loaded = loadConfig({
    file: null,
    env: {},
    defaults: `
edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:9" }] } }
routes:
  - { match: { path: /open }, upstream: app, waf: { mode: off } }
  - { upstream: app, waf: { rules: [own], ${waf} } }
waf: { rules: { own: { module: "own.wasm" } } }
`,
  });
  assert.ok(loaded.ok);
  const { config } = loaded;
  const modules = [{ ...testSource, name: 'own', bytes, off: null }];
  return RuleSide.create(
    { config, modules },
    { onFailure: (_, message) => failures.push(message) },
  );
}

type Given = {
  readonly line?: string;
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly is?: RecordedRequest['body'];
  readonly client?: string;
  readonly response?: readonly string[] | null;
  readonly major?: 1 | 2;
  /** The body of the answer, and how much of it that is. */
  readonly answer?: readonly [NonNullable<RecordedRequest['answer']>, string | Buffer];
};

function recorded({
  line = 'GET / HTTP/1.1',
  fields = [],
  body = '',
  is = 'whole',
  ...given
}: Given): RecordedRequest {
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const head = [line, 'Host: a.example', ...fields, ...length, '', ''].join('\r\n');
  const response = given.response ?? null;
  return {
    ...{ id: 'a', atMs: 1, client: given.client ?? '192.0.2.1', tls: false, ja4: '' },
    ...{
      certificate: null,
      major: given.major ?? 1,
      chunked: false,
      body: is,
      route: '* /',
      status: 200,
    },
    ...{ outcome: 'forwarded', rule: '', head: Buffer.from(head, 'latin1') },
    bytes: Buffer.from(body, 'latin1'),
    responseHead: response === null ? null : Buffer.from([...response, '', ''].join('\r\n')),
    ...(given.answer && {
      answer: given.answer[0],
      answerBytes: Buffer.from(given.answer[1] as string),
    }),
  };
}

const form = ['Content-Type: application/x-www-form-urlencoded'];
function coded(coding: string, body: Buffer): Given {
  const fields = [...form, `Content-Encoding: ${coding}`];
  return { line: 'POST / HTTP/1.1', fields, body: body.toString('latin1') };
}
const leak = ['HTTP/1.1 200 OK', 'X-Leak: yes', 'Content-Length: 0'];
const cases: readonly (readonly [string, Given, string, string])[] = [
  ['an ordinary request', {}, 'passed', ''],
  ['a head that a rule stops', { fields: ['User-Agent: scanner'] }, 'stopped', 'own/1'],
  ['a parameter', { line: 'GET /?q=an+attack HTTP/1.1' }, 'stopped', 'own/2'],
  ['a form', { line: 'POST / HTTP/1.1', fields: form, body: 'q=attack' }, 'stopped', 'own/2'],
  [
    'a form that was cut off',
    { line: 'POST / HTTP/1.1', fields: form, body: 'q=attack', is: 'cut' },
    'stopped',
    'own/2',
  ],
  [
    'a form by HTTP/2',
    { line: 'POST / HTTP/2.0', fields: form, body: 'q=attack', major: 2 },
    'stopped',
    'own/2',
  ],
  ['a form in gzip', coded('gzip', gzipSync('q=attack')), 'stopped', 'own/2'],
  ['a form in brotli', coded('br', brotliCompressSync('q=attack')), 'stopped', 'own/2'],
  ['a form in brotli without it', coded('br', brotliCompressSync('q=garden')), 'passed', ''],
  ['a response', { response: leak }, 'stopped', 'own/3'],
  ['a route without rules', { line: 'GET /open?q=attack HTTP/1.1' }, 'passed', ''],
];

describe('a rule set on recorded requests', () => {
  const onAnswers = `${rules}SecResponseBodyAccess On
SecResponseBodyMimeType text/html
SecRule RESPONSE_BODY "@contains root:x" "id:5,phase:4,deny"
SecRule RESPONSE_BODY "@contains BEGIN KEY" "id:6,phase:4,deny"
`;

  it('says how many rules are for bodies of answers', async () => {
    assert.equal((await side('')).rulesOnAnswers, 0);
    assert.equal((await side('', seclangModule(onAnswers))).rulesOnAnswers, 2);
  });

  const page = ['HTTP/1.1 200 OK', 'Content-Type: text/html'];
  const gzipped = [...page, 'Content-Encoding: gzip'];
  const far = '-'.repeat(1_048_576);
  const inGzip = (text: string): Given => ({
    response: gzipped,
    answer: ['whole', gzipSync(text)],
  });
  const answers: readonly (readonly [string, Given, string, string, string | null])[] = [
    ['a leak', { response: page, answer: ['whole', 'root:x:0'] }, 'stopped', 'own/5', 'shown'],
    ['no leak', { response: page, answer: ['whole', 'a page'] }, 'passed', '', 'shown'],
    ['no body', { response: page, answer: ['whole', ''] }, 'passed', '', null],
    ['the beginning', { response: page, answer: ['cut', 'root:x:0'] }, 'stopped', 'own/5', 'cut'],
    [
      'a window and more, of a longer one',
      { response: page, answer: ['cut', `${'-'.repeat(900)}root:x${'-'.repeat(900)}`] },
      ...(['stopped', 'own/5', 'cut'] as const),
    ],
    ['one that was not recorded', { response: page }, 'passed', '', 'missing'],
    ['a coded one', { response: page, answer: ['encoded', ''] }, 'passed', '', 'missing'],
    ['a leak in gzip', inGzip('root:x:0'), 'stopped', 'own/5', 'shown'],
    ['no leak in gzip', inGzip('a page'), 'passed', '', 'shown'],
    [
      'a leak in two codings, each in a field of its own',
      {
        response: [...page, 'Content-Encoding: br', 'Content-Encoding: gzip'],
        answer: ['whole', gzipSync(brotliCompressSync('root:x:0'))],
      },
      ...(['stopped', 'own/5', 'shown'] as const),
    ],
    ['no gzip', { response: gzipped, answer: ['whole', 'root:x:0'] }, 'stopped', 'own/5', 'shown'],
    ['a leak behind what is looked at', inGzip(`${far}root:x`), 'passed', '', 'shown'],
    [
      'one that rules do not read',
      { response: ['HTTP/1.1 200 OK'], answer: ['whole', 'root:x:0'] },
      ...(['passed', '', null] as const),
    ],
    ['an answer to HEAD', { line: 'HEAD / HTTP/1.1', response: page }, 'passed', '', null],
  ];
  it('looks at the body of an answer, as far as it was kept', async () => {
    const live = await side('bodyWindowBytes: 1024', seclangModule(onAnswers));
    for (const [name, given, verdict, rule, answer] of answers) {
      const run = await live.run(recorded(given));
      assert.deepEqual([run?.verdict, run?.rule, run?.answer], [verdict, rule, answer], name);
    }
    live.close();
  });

  it('decides as it does on live ones', async () => {
    const live = await side('mode: block');
    for (const [name, given, verdict, rule] of cases) {
      const run = await live.run(recorded(given));
      assert.deepEqual([run?.verdict, run?.rule], [verdict, rule], name);
    }
    live.close();
  });

  it('names what a rule that adds up has most of', async () => {
    const adding = await side(
      '',
      seclangModule(`
SecRuleEngine On
SecRule ARGS "@contains odd" "id:1,phase:2,pass,log,msg:'odd',severity:'NOTICE',setvar:'tx.score=+2'"
SecRule ARGS "@contains attack" "id:2,phase:2,pass,log,msg:'an attack',severity:'CRITICAL',setvar:'tx.score=+5'"
SecRule TX:score "@ge 5" "id:9,phase:2,deny,status:403,msg:'score %{tx.score}'"
`),
    );
    const run = await adding.run(recorded({ line: 'GET /?q=an+odd+attack HTTP/1.1' }));
    assert.deepEqual(
      [run?.verdict, run?.rule, run?.reason, run?.target, run?.rules],
      ['stopped', 'own/2', 'an attack', 'ARGS:q', ['own/1', 'own/2', 'own/9']],
    );
    adding.close();
  });

  it('only notes on a route that watches, and names what matched without a stop', async () => {
    const watching = await side('mode: monitor');
    const noted = await watching.run(recorded({ line: 'GET /?q=attack HTTP/1.1' }));
    assert.deepEqual([noted?.verdict, noted?.rule, noted?.rules], ['noted', 'own/2', ['own/2']]);
    const matched = await watching.run(recorded({ client: '2001:db8::1' }));
    assert.deepEqual([matched?.verdict, matched?.rules], ['passed', ['own/4']]);
    assert.ok((matched?.fuel ?? 0) > 0);
    watching.close();
  });

  it('keeps to the window of the route', async () => {
    const body = `q=${'x'.repeat(3_000)}attack`;
    const long = recorded({ line: 'POST / HTTP/1.1', fields: form, body });
    const small = await side('bodyWindowBytes: 1024');
    assert.equal((await small.run(long))?.verdict, 'passed');
    small.close();
    const strict = await side('bodyWindowBytes: 1024, beyondWindow: block');
    assert.equal((await strict.run(long))?.rule, 'weir/body');
    strict.close();
  });

  it('has the policy of a module that fails, and says so', async () => {
    const failures: string[] = [];
    const failing = await side('mode: block', statusGuest(403, true), failures);
    const large = recorded({ fields: [`X-Large: ${'x'.repeat(7_000)}`] });
    assert.equal((await failing.run(large))?.verdict, 'stopped');
    assert.match(failures[0] ?? '', /rule module own failed \(policy closed\)/);
    failing.close();
  });

  it('leaves out what is beyond the limits of its configuration', async () => {
    const live = await side('mode: block');
    const fields = Array.from({ length: 200 }, (_, index) => `X-${index}: 1`);
    assert.equal(await live.run(recorded({ fields })), null);
    assert.equal((await live.run(recorded({})))?.verdict, 'passed');
    live.close();
  });
});
