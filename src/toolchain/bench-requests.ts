/** The requests that figures of rule sets are about: what a browser, a form, an API client and an attacker send. */
import type { BuiltRequest, Field } from '#wasm/seclang/built-request.ts';
import type { InspectedRequest } from './inspect-request.ts';

export type BenchRequest = {
  readonly name: string;
  readonly request: BuiltRequest;
  readonly body: string | null;
  readonly isAttack: boolean;
};

/** What a browser sends with a click, and to where. */
export const browserTarget =
  '/products/garden/chairs/item-4711.html?color=green&size=xl&page=2&sort=price';

export const browserHeaders: readonly (readonly [string, string])[] = [
  ['Host', 'www.example.org'],
  [
    'User-Agent',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36',
  ],
  [
    'Accept',
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  ],
  ['Accept-Encoding', 'gzip, deflate, br, zstd'],
  ['Accept-Language', 'en-US,en;q=0.9,de;q=0.8'],
  ['Sec-Fetch-Dest', 'document'],
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Upgrade-Insecure-Requests', '1'],
  ['Referer', 'https://www.example.org/products/garden/chairs'],
  [
    'Cookie',
    'session=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==; theme=dark; consent=yes; cart=12.7.3; _ga=GA1.2.1234567890.1752561234',
  ],
  ['Cache-Control', 'max-age=0'],
];

const sentence =
  'The quick brown fox jumped over the fence and said hello to everyone in the room, then left.';

/** About 1 KB, with what people write into forms: blanks, dots, an ampersand, a number sign. */
function formBody(): string {
  const values = [
    ['name', 'Jane Doe'],
    ['email', 'jane.doe@example.org'],
    ['address', '12 Main St. #4, Springfield'],
    ['comment', sentence],
    ['phone', '+1 (555) 010-0199'],
    ['city', 'New York'],
    ['message', `${sentence} ${sentence}`],
    ['notes', 'Deliver after 5pm; ring twice'],
    ['title', 'Ms.'],
    ['company', 'Fish & Chips, Inc.'],
    ['newsletter', 'yes'],
    ['history', `${sentence} ${sentence} ${sentence}`],
  ];
  return values
    .map(([name, value]) => `${name}=${encodeURIComponent(value ?? '').replaceAll('%20', '+')}`)
    .join('&');
}

/** About 10 KB: an order of many lines. */
function jsonBody(): string {
  const names = ['Trail running shoe', 'Rain jacket', 'Water bottle 0.7 l', "Men's wool sock"];
  const items: object[] = [];
  while (JSON.stringify(items).length < 10_000) {
    const i = items.length;
    items.push({
      id: 1_000 + i,
      sku: `SKU-${(i * 7_919) % 10_007}`,
      name: names[i % names.length],
      price: ((i * 13.37) % 200).toFixed(2),
      quantity: (i % 5) + 1,
      tags: ['sport', 'outdoor', 'sale'],
      note: 'Gift wrap please, thanks & regards',
    });
  }
  return JSON.stringify({ order: { customer: 'Jane Doe', email: 'jane@example.org', items } });
}

const bare: readonly Field[] = [
  ['Host', 'www.example.org'],
  ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['Accept', '*/*'],
];

const get = (target: string, fields: readonly Field[]): BuiltRequest => ({
  method: 'GET',
  target,
  version: 'HTTP/1.1',
  fields,
});

const post = (target: string, type: string, body: string): BuiltRequest => ({
  method: 'POST',
  target,
  version: 'HTTP/1.1',
  fields: [
    ...browserHeaders,
    ['Content-Type', type],
    ['Content-Length', String(Buffer.byteLength(body))],
  ],
});

const form = formBody();
const json = jsonBody();

export const benchRequests: readonly BenchRequest[] = [
  {
    name: 'browser-like GET',
    request: get(browserTarget, browserHeaders),
    body: null,
    isAttack: false,
  },
  { name: 'bare GET', request: get('/index.html', bare), body: null, isAttack: false },
  {
    name: 'POST of a 1 KB form',
    request: post('/account/profile?step=2', 'application/x-www-form-urlencoded', form),
    body: form,
    isAttack: false,
  },
  {
    name: 'POST of 10 KB of JSON',
    request: post('/api/v1/orders', 'application/json', json),
    body: json,
    isAttack: false,
  },
  {
    name: 'SQL injection',
    request: get(
      "/item.php?id=1'%20UNION%20SELECT%20username,password%20FROM%20users%20WHERE%201=1--%20-&page=2",
      browserHeaders,
    ),
    body: null,
    isAttack: true,
  },
];

/**
 * The same from another client, for another page: what browsers say alike stays, all values that are the client's own
 * and the page's are new. Rules remember values that were there before, and here they meet none.
 */
export function withOwnValues(one: BenchRequest, number: number): BenchRequest {
  const { target, fields } = one.request;
  const owned = (text: string): string => text.replaceAll(/=([^&;]*)/g, `=$1${number}`);
  const body = one.body === null ? null : ownBody(one.body, number, owned);
  return {
    ...one,
    request: {
      ...one.request,
      target: owned(target.replace(/(\.\w+)?(\?|$)/, `-${number}$1$2`)),
      fields: fields.map(([name, value]): Field => {
        if (name === 'Cookie') return [name, owned(value)];
        if (name === 'Content-Length') return [name, String(Buffer.byteLength(body ?? ''))];
        return name === 'User-Agent' || name === 'Referer'
          ? [name, `${value}${number}`]
          : [name, value];
      }),
    },
    body,
  };
}

function ownBody(body: string, number: number, owned: (text: string) => string): string {
  if (!body.startsWith('{')) return owned(body);
  return JSON.stringify(JSON.parse(body), (_name, value: unknown) =>
    typeof value === 'string' ? `${value} ${number}` : value,
  );
}

/** As a rule set is asked about them. */
export function askedBenchRequests(): readonly {
  readonly name: string;
  readonly asked: InspectedRequest;
}[] {
  return benchRequests.map(({ name, request, body }) => ({
    name,
    asked: { ...request, body: body ?? '', clientAddress: '192.0.2.1' },
  }));
}
