/** What people write who come from other proxies, and what `weir check` tells them to write instead. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { allProblems } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';
import { formatProblem } from '#config/problem.ts';
import { directory, type Parts, text } from '../support/config-check.ts';

const tls = (more: string) =>
  `[{ address: "127.0.0.1:8443", tls: { certificates: [{ cert: certs/site.crt, key: certs/site.key }], ${more} } }]`;
const upstream = (value: string, more = '') => ({ servers: `${value}${more}` });

const habits: readonly (readonly [string, Parts, RegExp | null])[] = [
  ['a version as a number', { listeners: tls('minVersion: 1.2') }, /put it in quotes/],
  [
    'a suite in the spelling of IANA',
    {
      listeners: tls(
        'minVersion: "1.2", maxVersion: "1.2", ciphers: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]',
      ),
    },
    /did you mean ECDHE-RSA-AES128-GCM-SHA256\?/,
  ],
  [
    'a curve in the spelling of OpenSSL',
    { listeners: tls('curves: [prime256v1]') },
    /did you mean P-256\?/,
  ],
  [
    'a cipher string',
    { listeners: tls('ciphers: ["HIGH:!aNULL"]') },
    /leave ciphers out for good ones/,
  ],
  [
    'cert right below tls',
    {
      listeners:
        '[{ address: "127.0.0.1:8443", tls: { cert: a, certificates: [{ cert: certs/site.crt, key: certs/site.key }] } }]',
    },
    /it belongs under certificates: write certificates: \[\{ cert: … \}\]/,
  ],
  [
    'tcp with a name alone',
    { listeners: '[{ address: "127.0.0.1:1", tcp: app }]' },
    /write \{ upstream: "app" \}/,
  ],
  [
    'a port alone',
    { listeners: '[{ address: "8443", plaintext: true }]' },
    /write "0\.0\.0\.0:8443" for every IPv4 address; "\[::\]:8443"/,
  ],
  [
    'a server as text',
    upstream('["http://127.0.0.1:8081"]'),
    /write \{ url: "http:\/\/127\.0\.0\.1:8081" \}/,
  ],
  [
    'a server without scheme',
    upstream('[{ url: "127.0.0.1:8081" }]'),
    /write http:\/\/127\.0\.0\.1:8081\)/,
  ],
  [
    'h2c as a scheme',
    upstream('[{ url: "h2c://127.0.0.1:8081" }]'),
    /write http:\/\/127\.0\.0\.1:8081 and protocol: http2/,
  ],
  [
    'a socket behind http',
    upstream('[{ url: "http://unix:/run/app.sock:/" }]'),
    /write unix:\/run\/app\.sock\)/,
  ],
  [
    'seconds',
    upstream('[{ url: "http://127.0.0.1:8081" }]', ', idleMs: 10s'),
    /idleMs: .*\(write 10000\)/,
  ],
  [
    'megabytes',
    { routes: '[{ upstream: app, limits: { bodyBytesMax: 10m } }]' },
    /\(write 10485760\)/,
  ],
  [
    'a percent sign',
    { routes: '[{ upstream: app, canary: { upstream: app, percent: 10% } }]' },
    /percent: .*\(write 10\)/,
  ],
  [
    'methods in small letters',
    { routes: '[{ match: { methods: [get] }, upstream: app }]' },
    /write GET/,
  ],
  [
    'a star behind a path',
    { routes: '[{ match: { path: /api/* }, upstream: app }]' },
    /write \/api: a path takes all below it/,
  ],
  [
    'a variable in a field',
    { routes: '[{ upstream: app, requestHeaders: { set: { X-Client: $remote_addr } } }]' },
    /values here hold no variables/,
  ],
  [
    'no route for those who ask',
    { routes: '[]' },
    /names no route, and edge\.listeners\[0\] serves requests/,
  ],
  [
    'no route where bytes pass through',
    { listeners: '[{ address: "127.0.0.1:1", tcp: { upstream: app } }]', routes: '[]' },
    null,
  ],
];

describe('the habits of other proxies:', () => {
  for (const [name, parts, says] of habits) {
    it(name, async () => {
      const file = join(directory, 'habits.yaml');
      writeFileSync(file, text(parts));
      const problems = (await allProblems(loadConfig({ file, env: {} }))).map((problem) =>
        formatProblem(problem, 'F'),
      );
      if (says === null) assert.deepEqual(problems, []);
      else assert.match(problems.join('\n'), says);
    });
  }
});
