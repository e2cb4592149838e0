/**
 * Attacks in disguise and ordinary requests, byte for byte over the shipped edge: `builtin:core`, and the Core Rule Set
 * beside it. What is stopped must not get a 2xx, what is ordinary must.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startEchoOrigin } from '../support/echo-origin.ts';
import { startEdgeProcess } from '../support/edge-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { missingShared, sharedFile, sharedFolder } from '../support/shared-file.ts';

type Case = {
  readonly id: string;
  readonly technique: string;
  readonly expected: 'block' | 'allow';
  readonly note?: string;
  readonly raw: string;
};

const { lines, skip } = sharedFile('corpora/bypass/cases.jsonl');
const cases = lines.map((line) => JSON.parse(line) as Case);
/** As long as the host the cases name, so that no length in them changes. */
const hosts = { core: 'core.test', crs: 'crs4.test' } as const;

test('requests in disguise are stopped by builtin:core and by the Core Rule Set, ordinary ones pass', {
  skip: skip || missingShared('crs/rules'),
}, async (context) => {
  await using origin = await startEchoOrigin([]);
  const folder = mkdtempSync(join(tmpdir(), 'weir-bypass-'));
  const deny = join(folder, 'deny.conf');
  writeFileSync(deny, `SecAction "id:1,phase:1,deny,status:403,msg:'not for you'"\n`);
  try {
    await using edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes:
  - { match: { host: ${hosts.core}, path: /admin }, upstream: app, waf: { rules: [deny] } }
  - { match: { host: ${hosts.crs}, path: /admin }, upstream: app, waf: { rules: [deny] } }
  - { match: { host: ${hosts.core} }, upstream: app, waf: { rules: [core] } }
  - { match: { host: ${hosts.crs} }, upstream: app, waf: { rules: [crs] } }
waf:
  bodyWindowBytes: 65536
  rules:
    deny: { seclang: [${deny}] }
    core: { module: "builtin:core" }
    crs: { seclang: [${join(sharedFolder, 'crs')}] }
kernel: { xdp: off }
`);
    const address = `127.0.0.1:${edge.ports[0]}`;
    const core: Case[] = [];
    const crs: Case[] = [];
    for (const one of cases) {
      if (!(await isRight(address, hosts.core, one))) core.push(one);
      if (!(await isRight(address, hosts.crs, one))) crs.push(one);
    }
    context.diagnostic(`builtin:core ${rate(core)}; Core Rule Set ${rate(crs)}`);
    assert.deepEqual(namesOf(core), []);
    // It refuses every body with a Content-Encoding, and decodes but once what is encoded three times.
    assert.deepEqual(
      namesOf(crs).filter((name) => !crsMisses.has(name)),
      [],
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const crsMisses: ReadonlySet<string> = new Set(['s-encoding-02', 's-benign-07']);

async function isRight(address: string, host: string, one: Case): Promise<boolean> {
  const client = await RawClient.connect(address);
  try {
    const raw = Buffer.from(one.raw, 'base64').toString('latin1');
    client.send(raw.replaceAll('edge.test', host));
    const status = await client.wait(() => {
      const line = /^HTTP\/1\.1 (\d{3})/.exec(client.received);
      if (line !== null) return Number(line[1]);
      return client.closed ? 0 : undefined;
    });
    const isThrough = status >= 200 && status < 300;
    return isThrough === (one.expected === 'allow');
  } finally {
    client[Symbol.dispose]();
  }
}

const namesOf = (wrong: readonly Case[]): string[] => wrong.map(({ id }) => id);
const rate = (wrong: readonly Case[]): string =>
  `${cases.length - wrong.length} of ${cases.length}`;
