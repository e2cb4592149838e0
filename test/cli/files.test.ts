/** Commands that read and write files, each as a process of its own. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCliProcess } from '../support/cli-process.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'weir-cli-'));
});
after(() => rm(directory, { recursive: true }));

describe('weir cert make', () => {
  const make = (...more: string[]) =>
    runCliProcess(
      ['cert', 'make', '--host', 'shop.example', '--host', '::1', '--out', 'out', ...more],
      { cwd: directory },
    );

  it('writes a certificate and a key only its owner can read, and overwrites neither', async () => {
    const made = await make('--json');
    assert.equal(made.exit, 0, made.stdout);
    assert.partialDeepStrictEqual(JSON.parse(made.stdout), {
      certificate: 'out/site.crt',
      privateKey: 'out/site.key',
    });
    const certificate = new X509Certificate(await readFile(join(directory, 'out/site.crt')));
    assert.equal(certificate.checkHost('shop.example'), 'shop.example');
    assert.equal(certificate.checkIP('::1'), '::1');
    assert.equal((await stat(join(directory, 'out/site.key'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'out/site.crt'))).mode & 0o777, 0o644);

    const again = await make();
    assert.equal(again.exit, 1);
    assert.match(again.stderr, /out\/site\.crt exists\n {2}--force/);
    assert.equal(
      new X509Certificate(await readFile(join(directory, 'out/site.crt'))).fingerprint,
      certificate.fingerprint,
    );

    const forced = await make('--force');
    assert.equal(forced.exit, 0, forced.stderr);
    const replaced = new X509Certificate(await readFile(join(directory, 'out/site.crt')));
    assert.notEqual(replaced.fingerprint, certificate.fingerprint);
    assert.equal((await stat(join(directory, 'out/site.key'))).mode & 0o777, 0o600);
  });

  it('calls a host no certificate can name a usage error', async () => {
    const refused = await runCliProcess(['cert', 'make', '--host', 'no host', '--out', 'other'], {
      cwd: directory,
    });
    assert.equal(refused.exit, 2, refused.stderr);
  });
});

describe('weir check', () => {
  const check = (file: string, ...more: string[]) =>
    runCliProcess(['check', '--config', file, ...more], { cwd: directory });

  it('says in one line what a good file holds', async () => {
    await writeFile(
      join(directory, 'good.yaml'),
      'edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }\nupstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }\nroutes: [{ upstream: app }]\n',
    );
    const good = await check('good.yaml');
    assert.deepEqual([good.exit, good.stderr], [0, '']);
    assert.equal(
      good.stdout,
      'good.yaml is in order: 1 listener, 1 upstream, 1 route, 0 modules\n',
    );
  });

  it('reads the rules it names, and says where they are wrong', async () => {
    await writeFile(
      join(directory, 'rules.yaml'),
      'edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }\nupstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }\nroutes: [{ upstream: app, waf: { rules: [mine] } }]\nwaf: { rules: { mine: { seclang: [mine.conf] } } }\n',
    );
    await writeFile(
      join(directory, 'mine.conf'),
      'SecRule ARGS "@rx (" "id:1,phase:2,deny"\nSecRule ARGZ a "id:2,phase:2,deny"\n',
    );
    const bad = await check('rules.yaml');
    assert.equal(bad.exit, 1, bad.stdout);
    assert.match(
      bad.stdout,
      /^rules\.yaml:4:\d+ {2}waf\.rules\.mine {2}mine\.conf:1:19 {2}the pattern/,
    );
    assert.match(bad.stdout, /\n.*mine\.conf:2:9 {2}there is no variable ARGZ \(did you mean ARGS/);

    await writeFile(
      join(directory, 'mine.conf'),
      'SecRule ARGS a "id:1,phase:2,deny,tag:attack-x"\n',
    );
    await writeFile(
      join(directory, 'rules.yaml'),
      'edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }\nupstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }\nroutes: [{ upstream: app, waf: { rules: [mine] } }]\nwaf: { rules: { mine: { seclang: [mine.conf], exclusions: [{ path: /a, rules: ["1", "7"], tags: [attack-x, attack-y] }, { rules: ["1"] }] } } }\n',
    );
    const idle = await check('rules.yaml');
    assert.deepEqual(
      idle.stdout.match(/exclusions\[\d\] {2}nothing there has [^(]+(?= \()/g),
      ['rule 7', 'tag attack-y at its paranoia level'].map(
        (what) => `exclusions[0]  nothing there has ${what}`,
      ),
    );

    await writeFile(
      join(directory, 'rules.yaml'),
      'edge: { listeners: [{ address: "127.0.0.1:0", plaintext: true }] }\nupstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }\nroutes: [{ upstream: app, waf: { rules: [mine] } }]\nwaf: { rules: { mine: { seclang: [mine.conf], setup: { limit: 3, limitt: 4, other: 5, quota_a: 6 } } } }\n',
    );
    await writeFile(
      join(directory, 'mine.conf'),
      'SecRule &ARGS "@gt %{tx.limit}" "id:1,phase:2,deny"\nSecRule TX:/^quota_/ "@gt 5" "id:2,phase:2,deny"\n',
    );
    const unread = await check('rules.yaml');
    assert.deepEqual(unread.stdout.match(/setup\.\w+ {2}no rule reads [^)]+\)/g), [
      'setup.limitt  no rule reads tx.limitt (did you mean limit?)',
      'setup.other  no rule reads tx.other (take it out)',
    ]);
  });

  it('says everything that is wrong, each with its place, and ends with 1', async () => {
    await writeFile(
      join(directory, 'bad.yaml'),
      'edge:\n  wrokers: 2\n  listeners: [{ address: "127.0.0.1:0", plaintext: true }]\nupstreams: { app: { servers: [] } }\nroutes: [{ upstream: app }]\n',
    );
    const bad = await check('bad.yaml');
    assert.equal(bad.exit, 1);
    const lines = bad.stdout.trimEnd().split('\n');
    assert.equal(lines.length, 2, bad.stdout);
    assert.match(
      lines[0] ?? '',
      /^bad\.yaml:2:3 {2}edge\.wrokers {2}.+ \(did you mean workers\?\)$/,
    );
    assert.match(lines[1] ?? '', /^bad\.yaml:4:\d+ {2}upstreams\.app\.servers {2}/);
    const json: unknown = JSON.parse((await check('bad.yaml', '--json')).stdout);
    assert.partialDeepStrictEqual(json, {
      ok: false,
      problems: [{ path: 'edge.wrokers', line: 2 }, { line: 4 }],
    });
  });

  it('reads the file of an orchestrator where it is told so', async () => {
    await writeFile(join(directory, 'o.yaml'), 'api: { address: "127.0.0.1:3030" }\n');
    const good = await check('o.yaml', '--orchestrator');
    assert.deepEqual([good.exit, good.stdout], [0, 'o.yaml is in order: no fleet, 0 webhooks\n']);
    await writeFile(join(directory, 'p.yaml'), 'api: { adress: x }\nnodes: { max: 0 }\n');
    const bad = await check('p.yaml', '--orchestrator');
    assert.equal(bad.exit, 1);
    assert.match(bad.stdout, /^p\.yaml:1:8 {2}api\.adress {2}.+ \(did you mean address\?\)$/m);
    assert.match(bad.stdout, /^p\.yaml:2:\d+ {2}nodes\.max {2}/m);
  });

  it('finds what only the machine can tell, such as a certificate that is not there', async () => {
    await writeFile(
      join(directory, 'tls.yaml'),
      'edge: { listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: no.crt, key: no.key }] } }] }\nupstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }\nroutes: [{ upstream: app }]\n',
    );
    const tls = await check('tls.yaml');
    assert.equal(tls.exit, 1);
    assert.match(
      tls.stdout,
      /^tls\.yaml:1:\d+ {2}edge\.listeners\[0\]\.tls\.certificates\[0\]\.cert {2}/m,
    );
  });

  it('lets a mistyped key hide nothing: what only the machine can tell comes at the same time', async () => {
    await writeFile(
      join(directory, 'mixed.yaml'),
      `edge:
  wrokers: 2
  listeners:
    - { address: "127.0.0.1:0", tls: { certificates: [{ cert: no.crt, key: no.key }] } }
    - { address: 7 }
upstreams: { app: { servers: [{ url: "https://127.0.0.1" }], idleMs: soon } }
routes:
  - { upstream: other, waf: { mode: blok, rules: [own, none] } }
waf: { rules: { own: { module: own.wasm, wach: true } } }
`,
    );
    const { exit, stdout } = await check('mixed.yaml', '--json');
    const { problems } = JSON.parse(stdout) as { problems: { path: string }[] };
    assert.equal(exit, 1);
    assert.deepEqual(
      problems.map(({ path }) => path),
      [
        'edge.wrokers',
        'edge.listeners[0].tls.certificates[0].cert',
        'edge.listeners[0].tls.certificates[0].key',
        'edge.listeners[1]',
        'edge.listeners[1].address',
        'upstreams.app.servers[0].url',
        'upstreams.app.idleMs',
        'routes[0].upstream',
        'routes[0].waf.mode',
        'routes[0].waf.rules[1]',
        'waf.rules.own.module',
        'waf.rules.own.wach',
      ],
    );
  });

  it('names a file that is not there', async () => {
    const none = await check('none.yaml');
    assert.equal(none.exit, 1);
    assert.match(none.stdout, /^none\.yaml {2}none\.yaml cannot be read/);
  });
});
