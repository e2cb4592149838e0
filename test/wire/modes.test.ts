/** Modes of rules on the way: what blocks, what is challenged, what only watches and what is off. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findSolution } from '#proxy/challenge/solver.ts';
import type { Transaction } from '#waf/transaction.ts';
import { type EdgeOptions, simpleEdge, TestEdge } from '../support/edge.ts';
import { phaseFilter, stopFor } from '../support/filters.ts';
import { fieldValues, statusOf } from '../support/http-read.ts';
import { RawClient } from '../support/raw-client.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { seclangFilter } from '../support/seclang.ts';

/** Scores as the Core Rule Set does: 5 points each, blocked from the threshold on. */
const rules = `
SecRuleEngine On
SecRequestBodyAccess On
SecAction "id:1,phase:1,pass,nolog,setvar:tx.inbound_anomaly_score_threshold=5"
SecRule ARGS "@contains one" "id:10,phase:2,pass,log,capture,msg:'one',tag:'family-a',setvar:tx.score=+5,setvar:tx.seen=one"
SecRule ARGS "@contains two" "id:11,phase:2,pass,log,msg:'two',tag:'family-a',tag:'family-b',setvar:tx.score=+5"
SecRule ARGS "@contains skip" "id:12,phase:2,pass,log,ctl:ruleRemoveById=14,skipAfter:END"
SecRule ARGS "@contains deny" "id:14,phase:2,deny,status:406,log,msg:'deny'"
SecRule TX:seen "@streq one" "id:15,phase:2,deny,status:409,log,msg:'left behind'"
SecMarker END
SecRule TX:score "@ge %{tx.inbound_anomaly_score_threshold}" "id:19,phase:2,deny,status:403,log,msg:'score'"
`;
const set = seclangFilter('set', rules);

type Row = Readonly<Record<string, unknown>>;

const edgeOf = (url: string, waf: Row, more: Partial<EdgeOptions> = {}): EdgeOptions => ({
  ...simpleEdge(url),
  routes: [{ upstream: 'app', waf: { rules: ['set'], ...waf } }],
  modules: { set },
  ...more,
});

/** The statuses of requests with these values of an argument. */
async function statuses(options: EdgeOptions, values: readonly string[]): Promise<number[]> {
  await using edge = await TestEdge.start(options);
  const seen: number[] = [];
  for (const value of values) {
    using client = await RawClient.connect(edge.address);
    client.send(`GET /?q=${value} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    seen.push(statusOf(await client.response()));
  }
  return seen;
}

describe('rules of a SecLang set', () => {
  const values = ['one', 'two', 'deny', 'skip-deny', 'one-two'];
  const cases: readonly (readonly [why: string, Row, readonly number[]])[] = [
    ['block', {}, [409, 403, 406, 200, 409]],
    ['are off with the route', { mode: 'off' }, [200, 200, 200, 200, 200]],
    ['only watch with the route', { mode: 'monitor' }, [200, 200, 200, 200, 200]],
    [
      'give no points and leave no variables where one only watches',
      { modes: [{ rules: ['10'], mode: 'monitor' }] },
      [200, 403, 406, 200, 403],
    ],
    [
      'do not run where one is off',
      { modes: [{ rules: ['10'], mode: 'off' }] },
      [200, 403, 406, 200, 403],
    ],
    [
      'take no other rule away and skip none where one only watches',
      { modes: [{ rules: ['12'], mode: 'monitor' }] },
      [409, 403, 406, 406, 409],
    ],
    [
      'decide nothing where the one that decides watches',
      { modes: [{ rules: ['19'], mode: 'monitor' }] },
      [409, 200, 406, 200, 409],
    ],
    [
      'are named by tag',
      { modes: [{ tags: ['family-b'], mode: 'off' }] },
      [409, 200, 406, 200, 409],
    ],
    [
      'are named by range',
      { modes: [{ rules: ['10-14'], mode: 'monitor' }] },
      [200, 200, 200, 200, 200],
    ],
    [
      'are named by entry',
      { modes: [{ entry: 'set', mode: 'monitor' }] },
      [200, 200, 200, 200, 200],
    ],
    [
      'of another entry stay',
      { modes: [{ entry: 'other', mode: 'monitor' }] },
      [409, 403, 406, 200, 409],
    ],
    [
      'block at the threshold of the route',
      { inboundThreshold: 10, modes: [{ rules: ['15'], mode: 'off' }] },
      [200, 200, 406, 200, 403],
    ],
  ];
  for (const [why, waf, expected] of cases)
    it(`${why}: ${JSON.stringify(waf)}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      assert.deepEqual(await statuses(edgeOf(origin.url, waf), values), expected);
    });

  it('follow waf.modes and the mode of the entry on every route', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const modes = { waf: { modes: [{ rules: ['10'], mode: 'monitor' }] } };
    assert.deepEqual(await statuses(edgeOf(origin.url, {}, modes), ['one', 'two']), [200, 403]);
    const entries = { entries: { set: { mode: 'monitor' } } };
    assert.deepEqual(await statuses(edgeOf(origin.url, {}, entries), ['one', 'two']), [200, 200]);
  });

  it('that no set has are said, as are thresholds that no rule asks for, until a reload mends it', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const said: (string | null)[] = [];
    const onDegraded = (_part: string, reason: string | null): void => {
      said.push(reason);
    };
    const wrong = {
      modes: [{ rules: ['10', '77', 'other/8'], tags: ['family-c'], mode: 'monitor' }],
      outboundThreshold: 4,
    };
    await using edge = await TestEdge.start(edgeOf(origin.url, wrong, { onDegraded }));
    await edge.reload(edgeOf(origin.url, {}));
    await edge.reload(edgeOf(origin.url, { modes: [{ rules: ['9'], mode: 'off' }] }));
    assert.deepEqual(said, [
      'no loaded rule set has routes[0].waf.modes[0]: rule 77, routes[0].waf.modes[0]: tag family-c, routes[0].waf.outboundThreshold: no rule asks for it',
      null,
      'no loaded rule set has routes[0].waf.modes[0]: rule 9',
    ]);
  });

  it('see the window of the route, and a longer body is refused where it says so', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const waf = { bodyWindowBytes: 1_024, beyondWindow: 'block' };
    await using edge = await TestEdge.start(edgeOf(origin.url, waf));
    for (const [bytes, status] of [
      [1_000, 200],
      [1_100, 413],
    ] as const) {
      using client = await RawClient.connect(edge.address);
      client.send(
        `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`,
      );
      assert.equal(statusOf(await client.response()), status);
    }
  });

  it('that only watch are in the access line and counted by module, and nothing is enforced', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const waf = { modes: [{ rules: ['10-14'], mode: 'monitor' }] };
    await using edge = await TestEdge.start(edgeOf(origin.url, waf));
    using client = await RawClient.connect(edge.address);
    for (const value of ['one-two', 'deny', 'plain'])
      client.send(`GET /?q=${value} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    assert.deepEqual((await client.responses(3)).map(statusOf), [200, 200, 200]);
    assert.equal(edge.sample('weir_module_monitored_total{module="set",version=""}'), 3);
    assert.equal(edge.sample('weir_requests_monitored_total'), 1);
    const lines = await edge.accessLines(3);
    assert.deepEqual(
      lines.map((line) => line['monitored']),
      [['set/10', 'set/11'], ['set/14'], undefined],
    );
    assert.deepEqual(lines[1]?.['verdict'], {
      rule: 'set/14',
      target: 'ARGS:q',
      reason: 'deny',
      enforced: false,
    });
    assert.deepEqual([lines[0]?.['verdict'], lines[2]?.['verdict']], [undefined, undefined]);
  });
});

it('a rule that only watches leaves no captures, and those of the rule before it stay', async () => {
  const filter = seclangFilter(
    'set',
    `SecRuleEngine On
SecRule ARGS "@rx ^(a)" "id:1,phase:2,pass,nolog,capture"
SecRule ARGS "@rx (b)" "id:2,phase:2,pass,log,capture,chain"
SecRule TX:1 "@streq b" "setvar:tx.made_%{TX.1}=1"
SecRule TX:1 "@streq b" "id:3,phase:2,deny,status:410"
SecRule TX:1 "@streq a" "id:4,phase:2,deny,status:411"
SecRule &TX:/^made_/ "@gt 0" "id:5,phase:2,deny,status:412"`,
  );
  await using origin = await RawOrigin.answering(plainAnswer);
  const given: unknown[] = [];
  for (const modes of [[], [{ rules: ['2'], mode: 'monitor' }]]) {
    const options = edgeOf(origin.url, { modes }, { modules: { set: filter } });
    given.push(await statuses(options, ['ab', 'a', 'b']));
  }
  assert.deepEqual(given, [
    [410, 411, 410],
    [411, 411, 200],
  ]);
});

describe('a module that only watches', () => {
  /** Marks, edits, replaces bodies and blocks `/deny`. */
  const loud = phaseFilter('loud', {
    requestHead: (about) => {
      about.score += 50;
      about.addTag('loud');
      about.editRequest({ kind: 'set', name: 'x-loud', value: 'yes' });
      about.editResponse({ kind: 'set', name: 'x-loud', value: 'yes' });
      const path = about.request.bytes.toString(
        'latin1',
        about.request.pathStart,
        about.request.pathEnd,
      );
      return path === '/deny' ? stopFor('loud/deny') : null;
    },
    requestBody: (about) => {
      about.replacedRequestBody = Buffer.from('loud');
      return null;
    },
    responseHead: () => null,
  });
  /** Answers by what it finds left behind. */
  const witness = phaseFilter('witness', {
    requestHead: (about) =>
      about.tags.has('loud') || about.score > 0 || about.requestEdits.length > 0
        ? stopFor('witness/seen')
        : null,
  });
  const withModes = (url: string, waf: Row): EdgeOptions => ({
    ...simpleEdge(url),
    waf: { bodyWindowBytes: 4_096 },
    routes: [{ upstream: 'app', waf: { rules: ['loud', 'witness'], blockAtScore: 10, ...waf } }],
    modules: { loud, witness },
  });
  const post = (body: string): string =>
    `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  for (const waf of [
    { modes: [{ entry: 'loud', mode: 'monitor' }] },
    { modes: [{ entry: 'loud', mode: 'monitor' }], beyondWindow: 'block' },
  ])
    it(`leaves no points, tags, fields and bodies, and refuses none: ${JSON.stringify(waf)}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      await using edge = await TestEdge.start(withModes(origin.url, waf));
      for (const request of [
        'GET /deny HTTP/1.1\r\nHost: a.test\r\n\r\n',
        post('short'),
        post('x'.repeat(20_000)),
      ]) {
        using client = await RawClient.connect(edge.address);
        client.send(request);
        const response = await client.response();
        assert.equal(statusOf(response), 200);
        assert.doesNotMatch(response.raw, /x-loud/i);
      }
      assert.match(origin.received, /short/);
      assert.doesNotMatch(origin.received, /loud/i);
      assert.equal(edge.sample('weir_module_monitored_total{module="loud",version=""}'), 1);
    });

  it('that wants to wait behind the window has failed, and the body goes on', async () => {
    const slow = phaseFilter('slow', {
      requestBody: (_about, window) => (window.isFirst ? null : 'wait'),
    });
    await using origin = await RawOrigin.answering(plainAnswer);
    for (const [mode, status] of [
      ['monitor', 200],
      ['block', 503],
    ] as const) {
      await using edge = await TestEdge.start({
        ...simpleEdge(origin.url),
        routes: [{ upstream: 'app', waf: { rules: ['slow'], bodyWindowBytes: 1_024 } }],
        modules: { slow },
        entries: { slow: { mode } },
      });
      using client = await RawClient.connect(edge.address);
      client.send(post('x'.repeat(5_000)));
      assert.equal(statusOf(await client.response()), status, mode);
    }
  });

  it('is seen by the others where it blocks, and its points are', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    await using edge = await TestEdge.start(withModes(origin.url, { rules: ['loud'] }));
    using client = await RawClient.connect(edge.address);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.equal(statusOf(await client.response()), 403);
  });

  for (const [mode, noted] of [
    ['monitor', ['loud/deny']],
    ['off', undefined],
  ] as const)
    it(`by the name of a rule (${mode}) takes back what came with its stop, and not the rest`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      const modes = [{ rules: ['loud/deny'], mode }];
      const waf = { rules: ['loud'], modes, blockAtScore: 100 };
      await using edge = await TestEdge.start(withModes(origin.url, waf));
      using client = await RawClient.connect(edge.address);
      client.send('GET /deny HTTP/1.1\r\nHost: a.test\r\n\r\n');
      assert.doesNotMatch((await client.response()).raw, /x-loud/i);
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      const [, free] = await client.responses(2);
      assert.match(free?.raw ?? '', /x-loud: yes/i);
      assert.deepEqual((await edge.accessLines(2))[0]?.['monitored'], noted);
    });
});

describe('a rule that challenges', () => {
  const difficultyBits = 4;
  const ask = (value: string, cookie = ''): string =>
    `GET /?q=${value} HTTP/1.1\r\nHost: a.test\r\nAccept: text/html\r\n${cookie === '' ? '' : `Cookie: ${cookie}\r\n`}\r\n`;

  /** What each value gets without a pass, and with one. */
  async function answers(url: string, waf: Row, values: readonly string[]): Promise<string[]> {
    await using edge = await TestEdge.start(
      edgeOf(url, waf, { waf: { challenge: { difficultyBits } } }),
    );
    const seen: string[] = [];
    let cookie = '';
    const get = async (value: string): Promise<string> => {
      using client = await RawClient.connect(edge.address);
      client.send(ask(value, cookie));
      const response = await client.response();
      const challenge = /data-challenge="([^"]+)"/.exec(response.body)?.[1];
      if (challenge === undefined) return String(statusOf(response));
      if (cookie !== '') return 'page in spite of a pass';
      cookie = await solve(challenge);
      return 'page';
    };
    const solve = async (challenge: string): Promise<string> => {
      const number = findSolution(challenge, difficultyBits, 0, 1_000_000);
      using client = await RawClient.connect(edge.address);
      client.send(
        `POST /.well-known/weir/challenge HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nWeir-Challenge: ${challenge}.${number}\r\n\r\n`,
      );
      return fieldValues(await client.response(), 'set-cookie')[0]?.split(';')[0] ?? '';
    };
    for (const value of values) seen.push(`${await get(value)} ${await get(value)}`);
    return seen;
  }

  const cases: readonly (readonly [why: string, Row, string, string])[] = [
    ['alone', { modes: [{ rules: ['14'], mode: 'challenge' }] }, 'deny', 'page 200'],
    ['by its points', { modes: [{ rules: ['11'], mode: 'challenge' }] }, 'two', 'page 200'],
    [
      'by what it leaves behind',
      { modes: [{ rules: ['10'], mode: 'challenge' }] },
      'one',
      'page 200',
    ],
    [
      'and another one that blocks',
      { modes: [{ rules: ['11'], mode: 'challenge' }] },
      'two-deny',
      '406 406',
    ],
    [
      'and others whose points are enough without it',
      { modes: [{ rules: ['10', '15'], mode: 'challenge' }] },
      'one-two',
      '403 403',
    ],
    ['with all of the route', { mode: 'challenge' }, 'deny', 'page 200'],
    [
      'and is weaker than one that only watches',
      { mode: 'challenge', modes: [{ rules: ['14'], mode: 'monitor' }] },
      'deny',
      '200 200',
    ],
  ];
  for (const [why, waf, value, expected] of cases)
    it(`lets a pass through what was only challenged: ${why}`, async () => {
      await using origin = await RawOrigin.answering(plainAnswer);
      assert.deepEqual(await answers(origin.url, waf, [value]), [expected]);
    });

  it('of a module makes a challenge of its blocks and of its points, and not of its failures', async () => {
    await using origin = await RawOrigin.answering(plainAnswer);
    const pathOf = (about: Transaction): string =>
      about.request.bytes.toString('latin1', about.request.pathStart, about.request.pathEnd);
    const mod = phaseFilter('mod', {
      requestHead: (about) => {
        if (pathOf(about) === '/points') about.score += 10;
        if (pathOf(about) === '/fails') return { ...stopFor('mod/failure'), status: 503 };
        return pathOf(about) === '/deny' ? stopFor('mod/deny') : null;
      },
    });
    const other = phaseFilter('other', {
      requestHead: (about) => {
        if (pathOf(about) === '/other') about.score += 10;
        return null;
      },
    });
    await using edge = await TestEdge.start({
      ...simpleEdge(origin.url),
      routes: [{ upstream: 'app', waf: { rules: ['mod', 'other'], blockAtScore: 10 } }],
      modules: { mod, other },
      entries: { mod: { mode: 'challenge' } },
    });
    const seen: unknown[] = [];
    for (const path of ['/deny', '/points', '/other', '/fails', '/']) {
      using client = await RawClient.connect(edge.address);
      client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      const response = await client.response();
      const type =
        statusOf(response) === 200 ? '' : (JSON.parse(response.body) as { type: string }).type;
      seen.push([statusOf(response), type]);
    }
    assert.deepEqual(seen, [
      [403, 'urn:weir:challenge-required'],
      [403, 'urn:weir:challenge-required'],
      [403, 'about:blank'],
      [503, 'about:blank'],
      [200, ''],
    ]);
  });
});
