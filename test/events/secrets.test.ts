/** A secret placed in a request in every way there is, and looked for in the event that is made of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { matchedPolicies } from '#config/events-schema.ts';
import { maskSecrets } from '#core/mask-secrets.ts';
import { isSecretName } from '#core/secret-names.ts';
import { ecsEvent } from '#events/ecs-event.ts';
import { makeEvent } from '#events/make-event.ts';
import type { FoundMatch } from '#events/redact-match.ts';
import { requestView } from '#wasm/seclang/built-request.ts';

const secret = 'Hunter2-9f8E7d6C5b4A';
const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJIdW50ZXIyIn0.c2lnbmF0dXJlLUh1bnRlcjI';
const card = '4111 1111 1111 1111';

const names = [
  ...[
    'password',
    'passwd',
    'pwd',
    'user[password]',
    'newPassword',
    'api_key',
    'apikey',
    'X-Api-Key',
  ],
  ...[
    'access_token',
    'refreshToken',
    'csrf-token',
    'client_secret',
    'sessionid',
    'PHPSESSID_session',
  ],
  ...['auth', 'jwt', 'otp', 'cvv', 'credit_card', 'login.pin', 'privateKey', 'signature'],
];

const percent = (text: string): string =>
  [...text].map((char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
const unicode = (text: string): string =>
  [...text].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const entity = (text: string): string =>
  [...text].map((char) => `&#x${char.charCodeAt(0).toString(16)};`).join('');

const valueForms: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  percent,
  'percent twice': (text) => percent(percent(text)),
};

type Placed = {
  readonly where: string;
  readonly target?: string;
  readonly fields?: readonly (readonly [string, string])[];
  /** What rules may report of it: where, and the text it is cut from. */
  readonly reports: readonly (readonly [target: string, text: string])[];
};

function* placements(): Generator<Placed> {
  for (const name of names) {
    for (const [form, encode] of Object.entries(valueForms)) {
      const pair = `${encodeURIComponent(name)}=${encode(secret)}`;
      yield {
        where: `query, ${name}, ${form}`,
        target: `/shop?page=1&${pair}&sort=up`,
        reports: [
          [`ARGS:${name}`, secret],
          ['QUERY_STRING', `page=1&${pair}&sort=up`],
          ['query', `${pair}&sort=up`],
          ['REQUEST_URI', `/shop?page=1&${pair}&sort=up`],
          ['REQUEST_LINE', `GET /shop?page=1&${pair}&sort=up HTTP/1.1`],
        ],
      };
      yield {
        where: `form, ${name}, ${form}`,
        reports: [
          [`ARGS_POST:${name}`, secret],
          ['REQUEST_BODY', `a=1&${pair}&b=2`],
          ['body', pair],
        ],
      };
    }
    yield {
      where: `name percent-encoded, ${name}`,
      target: `/shop?${percent(name)}=${secret}`,
      reports: [['QUERY_STRING', `${percent(name)}=${secret}`]],
    };
    for (const [form, quoted] of [
      ['as it is', secret],
      ['escapes', unicode(secret)],
    ] as const) {
      const json = `{"user":"ann","${name}":"${quoted}","next":1}`;
      yield {
        where: `JSON, ${name}, ${form}`,
        reports: [
          [`ARGS:json.${name}`, secret],
          ['REQUEST_BODY', json],
          ['ARGS:q', json],
          ['ARGS:q', `[{"${name}" : ["${quoted}", "${quoted}"]}]`],
          ['ARGS:q', `{"name":"${name}","value":"${quoted}"}`],
          ['ARGS:q', `mutation { login(${name.replaceAll(/\W/g, '_')}: "${quoted}") }`],
        ],
      };
      yield {
        where: `JSON in a query, ${name}, ${form}`,
        target: `/search?filter=${encodeURIComponent(json)}`,
        reports: [['ARGS:filter', json]],
      };
    }
    yield {
      where: `header, ${name}`,
      fields: [[name.replaceAll(/[^\w-]/g, '-'), secret]],
      reports: [
        [`REQUEST_HEADERS:${name}`, secret],
        [`header:${name.toLowerCase()}`, secret],
        ['REQUEST_HEADERS', `${name.replaceAll(/[^\w-]/g, '-')}: ${secret}`],
      ],
    };
    yield {
      where: `cookie, ${name}`,
      fields: [['Cookie', `theme=dark; ${name}=${secret}`]],
      reports: [
        [`REQUEST_COOKIES:${name}`, secret],
        ['cookie:theme', secret],
        ['REQUEST_HEADERS:Cookie', `theme=dark; ${name}=${secret}`],
      ],
    };
    yield {
      where: `multipart, ${name}`,
      reports: [
        [`ARGS:${name}`, secret],
        [
          'REQUEST_BODY',
          `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${secret}\r\n--b--\r\n`,
        ],
        ['MULTIPART_PART_HEADERS', `name="${name}"\r\nContent-Type: text/plain\r\n\r\n${secret}`],
      ],
    };
    yield {
      where: `XML, ${name}`,
      reports: [
        ['REQUEST_BODY', `<login><${name.replaceAll(/\W/g, '-')} a="1">${secret}</x></login>`],
        ['ARGS:q', `<a ${name.replaceAll(/\W/g, '_')}="${secret}">`],
        ['ARGS:q', entity(`${name.replaceAll(/\W/g, '_')}=${secret}`)],
      ],
    };
    const segment = name.replaceAll(/\W/g, '-');
    yield {
      where: `path, after ${name}`,
      target: `/reset/${segment}/${secret}/done`,
      reports: [
        ['REQUEST_FILENAME', `/reset/${segment}/${secret}/done`],
        ['path', secret],
      ],
    };
    yield {
      where: `path parameter, ${name}`,
      target: `/shop;${segment}=${secret}/cart`,
      reports: [['REQUEST_URI', `/shop;${segment}=${secret}/cart`]],
    };
    yield {
      where: `Referer, ${name}`,
      fields: [['Referer', `https://shop.test/?${encodeURIComponent(name)}=${secret}`]],
      reports: [
        ['REQUEST_HEADERS:Referer', `https://shop.test/?${encodeURIComponent(name)}=${secret}`],
      ],
    };
  }
  for (const scheme of ['Bearer', 'Basic', 'Digest', 'Token'])
    yield {
      where: `Authorization, ${scheme}`,
      fields: [['Authorization', `${scheme} ${secret}`]],
      reports: [
        ['REQUEST_HEADERS:Authorization', `${scheme} ${secret}`],
        ['ARGS:note', `curl -H "Authorization: ${scheme} ${secret}"`],
        ['ARGS:note', `${scheme} ${secret}`],
      ],
    };
}

/**
 * Cuts of a text as rules report them: whole, to the middle of the secret, and from there. Where the text is the value
 * of a parameter that holds a document of its own, rules begin with its beginning.
 */
function* cuts(target: string, text: string): Generator<string> {
  yield text;
  const at = text.toLowerCase().indexOf(secret.toLowerCase());
  if (at < 0) return;
  yield text.slice(0, at + secret.length - 3);
  if (['ARGS:q', 'ARGS:filter', 'ARGS:note'].includes(target)) return;
  yield text.slice(at);
  yield text.slice(at + 3);
}

/** Six of its characters in a row are too many. */
function leaks(shown: string, of: string): boolean {
  const lower = shown.toLowerCase();
  const undone = decodeURIComponent(lower.replaceAll(/%(?![0-9a-f]{2})/g, ''));
  for (let at = 0; at + 6 <= of.length; at++) {
    const piece = of.slice(at, at + 6).toLowerCase();
    if (lower.includes(piece) || undone.includes(piece)) return true;
    if (lower.includes(percent(piece)) || lower.includes(unicode(piece).toLowerCase())) return true;
  }
  return false;
}

function eventWith(
  placed: Placed,
  matches: readonly FoundMatch[],
  policy: 'full' | 'masked' | 'none',
): string {
  const view = requestView({
    method: 'GET',
    target: placed.target ?? '/shop',
    version: 'HTTP/1.1',
    fields: [['Host', 'shop.test'], ...(placed.fields ?? [])],
  });
  const event = makeEvent('blocked', 1_760_000_000_000, policy, {
    requestId: 'r1',
    client: '192.0.2.7',
    method: 'GET',
    host: 'shop.test',
    view,
    route: '* /',
    status: 403,
    rule: 'crs/949110',
    reason: matches[0]?.message ?? '',
    matches,
    matchesUnlisted: 0,
    score: 5,
    mode: 'block',
    wafMicros: 12,
  });
  return JSON.stringify(ecsEvent(event));
}

const found = (target: string, matched: string): FoundMatch => ({
  rule: 'crs/942100',
  message: `SQL injection, found ${matched} in ${target}`,
  severity: 2,
  tags: ['attack-sqli'],
  target,
  matched: matched.slice(0, 128),
  points: 5,
  mode: 'block',
});

describe('a secret is in no event', () => {
  const all = [...placements()];

  it('however it is placed', () => {
    assert.ok(all.length >= 400, `${all.length} ways`);
    for (const policy of matchedPolicies)
      for (const placed of all)
        for (const [target, text] of placed.reports)
          for (const matched of cuts(target, text)) {
            const shown = eventWith(placed, [found(target, matched)], policy);
            assert.ok(!leaks(shown, secret), `${placed.where}, ${target}, ${matched}: ${shown}`);
          }
  });

  it('when it is known by its form alone', () => {
    const texts = [
      [jwt, jwt.slice(12)],
      [`x ${card}`, '1111 1111'],
      [card.replaceAll(' ', ''), '411111'],
      [card.replaceAll(' ', '-'), '1111-1111'],
      ['AKIAIOSFODNN7EXAMPLE', 'IOSFODNN'],
      ['ghp_16C7e42F292c6912E7710c838347Ae178B4a', '292c6912'],
      ['https://ann:hunter22@db.test/x', 'hunter22'],
      ['-----BEGIN RSA PRIVATE KEY-----\nMIIEow', 'MIIEow'],
      [
        `data=${Buffer.from(`password=${secret}`).toString('base64')}`,
        Buffer.from(`password=${secret}`).toString('base64').slice(8, 20),
      ],
    ] as const;
    for (const [text, piece] of texts) {
      const placed = { where: text, target: `/p?q=${encodeURIComponent(text)}`, reports: [] };
      const shown = eventWith(placed, [found('ARGS:q', text)], 'full');
      assert.ok(!shown.includes(piece), `${text}: ${shown}`);
    }
  });
});

describe('what is no secret', () => {
  it('is shown as it came', () => {
    for (const text of [
      "1' UNION SELECT name FROM users-- -",
      '<script>alert(1)</script>',
      '../../etc/passwd',
      'page=2&sort=price&q=garden+chairs',
      '{"author":"Ann","keyboard":"us","monkey":[1,2]}',
      'orders/2024-11-22/1234567890123',
      'compass=north&passenger=2&country_code=de',
      '%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E',
    ])
      assert.equal(maskSecrets(text), text);
  });

  it('has no name that says so', () => {
    for (const name of [
      'author',
      'passenger',
      'compass',
      'country_code',
      'keyword',
      'monkey',
      'q',
      'id',
      'comment',
      'design',
      'assignment',
      'pinterest',
      'category',
    ])
      assert.ok(!isSecretName(name), name);
    for (const name of [...names, 'Authorization', 'Cookie', 'code', '%70assword', 'user.pass'])
      assert.ok(isSecretName(name), name);
  });
});

describe('masking', () => {
  it('ends soon on hostile text', () => {
    for (const unit of [
      '"a":',
      '{"a":[',
      'name=',
      '<a ',
      '%25',
      'a=',
      '\\u005c',
      '1 ',
      'A',
      '&#x26;',
      "'",
      '\r\n\r\n',
    ])
      maskSecrets(unit.repeat(Math.ceil(8_192 / unit.length)));
  });
});
