import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configFileBytesMax, type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { type ConfigProblem, formatProblem } from '../../src/config/problem.ts';

const directory = mkdtempSync(join(tmpdir(), 'weir-load-'));
after(() => rmSync(directory, { recursive: true }));

const base = `edge:
  listeners:
    - { address: "127.0.0.1:0", plaintext: true }
upstreams:
  app: { servers: [{ url: "http://127.0.0.1:8081" }] }
routes:
  - { upstream: app }
`;

let files = 0;
function fileOf(text: string | Buffer): string {
  const file = join(directory, `${files++}.yaml`);
  writeFileSync(file, text);
  return file;
}

function load(text: string | Buffer, env: Record<string, string> = {}): LoadedConfig {
  const loaded = loadConfig({ file: fileOf(text), env });
  assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
  return loaded;
}

function problemsOf(
  text: string | Buffer,
  env: Record<string, string> = {},
): readonly ConfigProblem[] {
  const loaded = loadConfig({ file: fileOf(text), env });
  assert.ok(!loaded.ok, 'it was loaded');
  return loaded.problems;
}

/** Each row: what is put in place of what, and the only problem it makes. */
const wrong: readonly {
  readonly why: string;
  readonly text: string;
  readonly env?: Record<string, string>;
  readonly says: string;
}[] = [
  {
    why: 'an unknown key',
    text: `${base}stat: x\n`,
    says: 'F:8:1 stat: is no key of the configuration (did you mean state?)',
  },
  {
    why: 'an unknown key far from every name',
    text: `${base}log: { colour: red }\n`,
    says: 'F:8:8 log.colour: is no key of the configuration (known here: level)',
  },
  {
    why: 'a key that an object would inherit',
    text: `${base}__proto__: {}\n`,
    says: 'F:8:1 __proto__: is no key of the configuration (known here: edge, upstreams, routes, rates, behaviour, waf, kernel, feeds, crowdsec, acme, fleet, admin, accessLog, events, log, state)',
  },
  {
    why: 'a merge key',
    text: `${base}log: { <<: { level: warn } }\n`,
    says: 'F:8:8 log.<<: is no key of the configuration (known here: level)',
  },
  {
    why: 'a missing key',
    text: base.replace('routes:\n  - { upstream: app }\n', ''),
    says: 'F:1:1 routes: is missing (the most specific host, then the longest path wins; may be empty where no listener serves requests)',
  },
  {
    why: 'a missing key inside a list',
    text: base.replace('{ upstream: app }', '{ websocket: false }'),
    says: 'F:7:5 routes[0].upstream: is missing (a name under upstreams)',
  },
  {
    why: 'a wrong type',
    text: `${base}edge2: 1\n`.replace('edge2: 1', 'log: [1]'),
    says: 'F:8:1 log: must be a mapping with level, not a list',
  },
  {
    why: 'a number where text belongs',
    text: `${base}state: 5\n`,
    says: 'F:8:1 state: must be text of at most 4096 characters, not 5 (put it in quotes)',
  },
  {
    why: 'a value beyond its bound',
    text: base.replace('edge:\n', 'edge:\n  limits: { headersMax: 1001 }\n'),
    says: 'F:2:13 edge.limits.headersMax: must be a whole number from 1 to 1000, not 1001',
  },
  {
    why: 'a fraction',
    text: base.replace('edge:\n', 'edge:\n  limits: { headersMax: 1.5 }\n'),
    says: 'F:2:13 edge.limits.headersMax: must be a whole number from 1 to 1000, not 1.5',
  },
  {
    why: 'a quoted number',
    text: base.replace('edge:\n', 'edge:\n  limits: { headersMax: "9" }\n'),
    says: 'F:2:13 edge.limits.headersMax: must be a whole number from 1 to 1000, not "9" (leave the quotes out)',
  },
  {
    why: 'a number of workers that is none',
    text: base.replace('edge:\n', 'edge:\n  workers: all\n'),
    says: 'F:2:3 edge.workers: must be auto or a whole number from 1 to 256, not "all"',
  },
  {
    why: 'a misspelt choice',
    text: `${base}log: { level: wran }\n`,
    says: 'F:8:8 log.level: must be debug, info, warn or error, not "wran" (did you mean warn?)',
  },
  {
    why: 'a listener that redirects elsewhere',
    text: base.replace('plaintext: true', 'redirect: http'),
    says: 'F:3:33 edge.listeners[0].redirect: must be https, not "http"',
  },
  {
    why: 'a path without a slash',
    text: base.replace('upstream: app', 'upstream: app, match: { path: x }'),
    says: 'F:7:31 routes[0].match.path: must be text that begins with "/", not "x"',
  },
  {
    why: 'a key without value',
    text: `${base}waf:\n`,
    says: 'F:8:1 waf: has no value (give it one, or leave the key out)',
  },
  {
    why: 'a listener without a certificate',
    text: base.replace('plaintext: true', 'tls: { certificates: [] }'),
    says: 'F:3:40 edge.listeners[0].tls.certificates: holds 0 entries; at least 1 must stand here',
  },
  {
    why: 'a name with capitals',
    text: `${base}waf: { rules: { Core: { module: "builtin:core" } } }\n`,
    says: 'F:8:17 waf.rules.Core: "Core" is no name for an entry here (a-z, 0-9, "-" and "_", at most 63, a letter or digit first)',
  },
  {
    why: 'a key twice',
    text: `${base}state: a\nstate: b\n`,
    says: 'F:9:1 state: stands here a second time (keep one of the two)',
  },
  {
    why: 'two documents',
    text: `${base}---\n${base}`,
    says: 'F:8:1 holds more than one YAML document (keep one, without "---" lines)',
  },
  {
    why: 'an alias to nothing',
    text: `${base}state: *other\n`,
    says: 'F:8:8 state: refers to the anchor *other, which stands nowhere before it',
  },
  { why: 'an empty file', text: '', says: 'the configuration is empty (see config/minimal.yaml)' },
  {
    why: 'a variable that is not set',
    text: `${base}state: /var/\${NAME}\n`,
    says: 'F:8:1 state: needs the environment variable NAME, which is not set (set NAME, or write $${NAME} for the text itself)',
  },
  {
    why: 'a variable without a name',
    text: `${base}state: "\${a b}"\n`,
    says: 'F:8:1 state: holds "${a b}", which names no variable (write ${NAME} for a variable, or $${a b} for the text itself)',
  },
  {
    why: 'a variable that is no number',
    text: base.replace('edge:\n', 'edge:\n  limits: { headersMax: "${N}" }\n'),
    env: { N: 'x' },
    says: 'F:2:13 edge.limits.headersMax: must be a whole number from 1 to 1000, not "x"',
  },
  {
    why: 'an unknown environment name',
    text: base,
    env: { WEIR_STAT: 'x' },
    says: 'WEIR_STAT: no configuration key has this environment name (did you mean WEIR_STATE?)',
  },
  {
    why: 'an empty environment value',
    text: base,
    env: { WEIR_STATE: '' },
    says: 'state: the environment sets WEIR_STATE to nothing (unset it, or give it a value)',
  },
  {
    why: 'an environment value beyond its bound',
    text: base,
    env: { WEIR_EDGE_LIMITS_HEADERS_MAX: '0' },
    says: 'edge.limits.headersMax: must be a whole number from 1 to 1000, not 0 (environment WEIR_EDGE_LIMITS_HEADERS_MAX)',
  },
  {
    why: 'an environment choice misspelt',
    text: base,
    env: { WEIR_LOG_LEVEL: 'warm' },
    says: 'log.level: must be debug, info, warn or error, not "warm" (environment WEIR_LOG_LEVEL) (did you mean warn?)',
  },
];

for (const { why, text, env, says } of wrong) {
  test(`${why} is refused with its place and the way out`, () => {
    assert.deepEqual(
      problemsOf(text, env).map((problem) => formatProblem(problem, 'F')),
      [says],
    );
  });
}

test('every problem is reported at once, in the order of the file', () => {
  const text = base
    .replace('edge:', 'edg: {}\nedge:')
    .replace('upstream: app', 'upstream: 4, websocket: 1');
  const problems = problemsOf(text, { WEIR_X: '1' });
  assert.deepEqual(
    problems.map((problem) => problem.path),
    ['edg', 'routes[0].upstream', 'routes[0].websocket', 'WEIR_X'],
  );
});

test('broken YAML is refused with its line', () => {
  const [problem] = problemsOf('edge: {\n  a: [1\n');
  assert.match(problem?.message ?? '', /^is no valid YAML: /);
  assert.notEqual(problem?.line, null);
});

test('what is left out is filled from the schema', () => {
  const { config, origins } = load(base);
  assert.equal(config.edge.workers, 'auto');
  assert.equal(config.edge.limits.urlBytesMax, 8_192);
  assert.equal(config.upstreams['app']?.connectionsMax, 256);
  assert.deepEqual(config.routes[0], {
    match: { host: '*', path: '/', exact: false, methods: [], headers: [] },
    upstream: 'app',
    requestHeaders: { set: {}, remove: [] },
    responseHeaders: { set: {}, remove: [] },
    hideServer: true,
    hardening: 'off',
    limits: {},
    timeouts: {},
    retries: {},
    websocket: true,
    waf: {
      mode: 'block',
      rules: [],
      modes: [],
      beyondWindow: 'inspect',
      challenge: 'page',
      accept: {
        methods: [],
        contentTypes: [],
        charsets: [],
        extensions: [],
        refusedExtensions: [],
        uploadExtensions: [],
        uploadTypes: [],
        uploadsAsNamed: false,
      },
    },
  });
  assert.equal(config.edge.listeners[0]?.lengthWithChunked, 'refuse');
  assert.equal(config.edge.listeners[0]?.connect, 'refuse');
  assert.equal(config.edge.listeners[0]?.withoutVersion, 'refuse');
  assert.equal(origins.get('edge.limits.urlBytesMax'), 'default');
  assert.equal(origins.get('routes[0].upstream'), 'file:7');
});

test('a default that is a list is not shared between configurations', () => {
  load(base).config.edge.trustedProxies.push('10.0.0.1');
  assert.deepEqual(load(base).config.edge.trustedProxies, []);
});

test('the environment wins over the file, the file over the defaults', () => {
  const text = `${base}log: { level: warn }\nadmin: { address: "127.0.0.1:9998" }\n`;
  const { config, origins } = load(text, {
    WEIR_LOG_LEVEL: 'error',
    WEIR_EDGE_WORKERS: '3',
    OTHER: 'x',
  });
  assert.equal(config.log.level, 'error');
  assert.equal(origins.get('log.level'), 'env WEIR_LOG_LEVEL');
  assert.equal(config.admin.address, '127.0.0.1:9998');
  assert.equal(origins.get('admin.address'), 'file:9');
  assert.equal(config.edge.workers, 3);
  assert.equal(origins.get('accessLog.to'), 'default');
});

test('an environment value is taken where the file has something wrong in its place', () => {
  assert.equal(load(`${base}state: [1]\n`, { WEIR_STATE: '/srv/weir' }).config.state, '/srv/weir');
});

test('variables are replaced inside text and become numbers where numbers belong', () => {
  const text = `${base.replace('edge:\n', 'edge:\n  limits: { headersMax: "${N}" }\n')}state: /srv/\${NAME}/$\${NAME}\n`;
  const { config } = load(text, { NAME: '${N}', N: '7' });
  assert.equal(config.edge.limits.headersMax, 7);
  assert.equal(config.state, '/srv/${N}/${NAME}', 'a replaced text is not read again');
});

test('aliases stand for what their anchor holds', () => {
  const text = `${base}accessLog: { redact: &same ["(a=).*"] }\n`.replace(
    'plaintext: true }',
    'plaintext: true }\n  trustedProxies: &list [10.0.0.0/8]',
  );
  assert.deepEqual(load(`${text}waf: { rules: {} }\n`).config.edge.trustedProxies, ['10.0.0.0/8']);
  const repeated = base.replace('{ upstream: app }', '&first { upstream: app }\n  - *first');
  assert.equal(load(repeated).config.routes.length, 2);
});

test('aliases that multiply without end are refused', () => {
  const levels = Array.from(
    { length: 9 },
    (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(10)}]`,
  );
  const problems = problemsOf(`a0: &a0 [x]\n${levels.join('\n')}\n`);
  assert.match(problems[0]?.message ?? '', /^holds more than 1000000 values/);
  const loop = problemsOf('a: &a [*a]\n');
  assert.match(loop[0]?.message ?? '', /^is more than 32 levels deep/);
});

test('file names belong to the folder of the file, those of the environment and of defaults to the working directory', () => {
  const text =
    `${base}waf:\n  rules: { own: { module: rules/own.wasm }, core: { module: "builtin:core" } }\naccessLog: { to: access.log }\n`.replace(
      'plaintext: true',
      'tls: { certificates: [{ cert: site.crt, key: /etc/site.key }] }',
    );
  const { config, baseDirectory } = load(text, { WEIR_STATE: 'here' });
  assert.equal(baseDirectory, directory);
  assert.equal(config.waf.rules['own']?.module, join(directory, 'rules/own.wasm'));
  assert.equal(config.waf.rules['core']?.module, 'builtin:core');
  assert.deepEqual(config.edge.listeners[0]?.tls?.certificates, [
    { cert: join(directory, 'site.crt'), key: '/etc/site.key' },
  ]);
  assert.equal(config.accessLog.to, join(directory, 'access.log'));
  assert.equal(config.state, join(process.cwd(), 'here'));
  assert.equal(load(base).config.state, join(process.cwd(), '.weir'));
});

test('without a file the given defaults are used, under the environment', () => {
  const loaded = loadConfig({ file: null, env: { WEIR_LOG_LEVEL: 'debug' }, defaults: base });
  assert.ok(loaded.ok);
  assert.equal(loaded.file, null);
  assert.equal(loaded.baseDirectory, process.cwd());
  assert.equal(loaded.config.log.level, 'debug');
  assert.equal(loaded.origins.get('routes[0].upstream'), 'default');
});

test('without a file and without defaults there is nothing to load', () => {
  const loaded = loadConfig({ file: null, env: {} });
  assert.ok(!loaded.ok);
  assert.match(loaded.problems[0]?.fix ?? '', /--config FILE/);
});

test('equal configurations have one digest, however they are written', () => {
  const first = load(base);
  const other = load(
    `# the same\n${base.replace('{ upstream: app }', '{ waf: { rules: [], mode: block }, upstream: app }')}`,
  );
  assert.match(first.sha256, /^[0-9a-f]{64}$/);
  assert.equal(other.sha256, first.sha256);
  assert.notEqual(load(base, { WEIR_LOG_LEVEL: 'warn' }).sha256, first.sha256);
});

test('a file that is missing, too large or no text is refused by name', () => {
  const missing = loadConfig({ file: join(directory, 'none.yaml'), env: {} });
  assert.ok(!missing.ok);
  assert.match(missing.problems[0]?.message ?? '', /none\.yaml cannot be read: ENOENT/);
  assert.match(
    problemsOf(Buffer.alloc(configFileBytesMax + 1, '#'))[0]?.message ?? '',
    /holds 1048577 bytes/,
  );
  assert.match(problemsOf(Buffer.from([0xc3, 0x28]))[0]?.message ?? '', /is no UTF-8 text/);
  load(`${base}${'#'.repeat(configFileBytesMax - base.length)}`);
});

test('one value or a list of them, where both may stand', () => {
  const interfaces = (text: string) => `${base}kernel: { interface: ${text} }\n`;
  assert.equal(load(interfaces('eth0')).config.kernel.interface, 'eth0');
  assert.deepEqual(load(interfaces('[eth0, eth1]')).config.kernel.interface, ['eth0', 'eth1']);
  for (const bad of ['[]', '["a/b"]', `[${'eth0,'.repeat(17)}]`, '{}', '[[eth0]]'])
    assert.equal(problemsOf(interfaces(bad))[0]?.path, 'kernel.interface', bad);
});
