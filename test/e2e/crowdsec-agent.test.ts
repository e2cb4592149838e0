/** CrowdSec’s own programs, as set-up unpacks them: an agent whose decisions Weir enforces, a bouncer that Weir answers. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { type EdgeProcess, startEdgeProcess } from '../support/edge-process.ts';
import { call } from '../support/http-call.ts';
import { programOf, wants } from '../support/needs.ts';
import { plainAnswer, RawOrigin } from '../support/raw-origin.ts';
import { until } from '../support/until.ts';

const key = '0123456789abcdef0123456789abcdef';

/** A port nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

class Agent implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weir-agent-'));
  readonly url: string;
  readonly #config = join(this.folder, 'config.yaml');
  #process: ChildProcess | null = null;

  constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
    const at = (name: string): string => join(this.folder, name);
    for (const name of ['data', 'hub', 'notifications', 'plugins']) mkdirSync(at(name));
    writeFileSync(at('hub/.index.json'), '{}');
    writeFileSync(at('acquis.yaml'), '');
    writeFileSync(at('credentials.yaml'), '');
    writeFileSync(at('simulation.yaml'), 'simulation: off\n');
    writeFileSync(at('console.yaml'), 'share_manual_decisions: false\n');
    writeFileSync(
      at('profiles.yaml'),
      'name: default\nfilters: ["Alert.Remediation == true"]\ndecisions: [{ type: ban, duration: 4h }]\non_success: break\n',
    );
    writeFileSync(
      this.#config,
      `common: { daemonize: false, log_media: stdout, log_level: error, working_dir: . }
config_paths:
  { config_dir: ${this.folder}, data_dir: ${at('data')}, simulation_path: ${at('simulation.yaml')}, hub_dir: ${at('hub')}, index_path: ${at('hub/.index.json')}, notification_dir: ${at('notifications')}, plugin_dir: ${at('plugins')} }
crowdsec_service: { acquisition_path: ${at('acquis.yaml')}, parser_routines: 1 }
db_config: { log_level: error, type: sqlite, db_path: ${at('data/crowdsec.db')} }
api:
  client: { credentials_path: ${at('credentials.yaml')} }
  server: { log_level: error, listen_uri: "127.0.0.1:${port}", profiles_path: ${at('profiles.yaml')}, console_path: ${at('console.yaml')} }
prometheus: { enabled: false }
`,
    );
    this.cscli(
      'machines',
      'add',
      'test',
      '--password',
      'only-for-this-test',
      '-f',
      at('credentials.yaml'),
      '-u',
      this.url,
    );
    this.cscli('bouncers', 'add', 'weir', '-k', key);
  }

  cscli(...words: string[]): void {
    execFileSync(programOf('cscli'), ['-c', this.#config, ...words], {
      stdio: 'ignore',
      timeout: 60_000,
    });
  }

  async start(): Promise<void> {
    this.#process = spawn(programOf('crowdsec'), ['-c', this.#config, '-no-cs'], {
      stdio: 'ignore',
    });
    await until('the agent listens', () =>
      call(this.url, 'GET', '/v1/decisions').then(
        ({ status }) => status === 403,
        () => false,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== null && this.#process.exitCode === null) {
      this.#process.kill('SIGKILL');
      await once(this.#process, 'exit');
    }
    rmSync(this.folder, { recursive: true });
  }
}

const askAs = async (edge: EdgeProcess, address: string): Promise<number> =>
  (
    await call(`http://127.0.0.1:${edge.ports[0]}`, 'GET', '/', {
      headers: { host: 'a.test', 'x-forwarded-for': address },
    })
  ).status;

it('a decision of a real agent keeps its address out until it is deleted', {
  skip: wants('crowdsec') || wants('cscli'),
}, async () => {
  await using agent = new Agent(await freePort());
  await agent.start();
  await using origin = await RawOrigin.answering(plainAnswer);
  const keyFile = join(agent.folder, 'weir.key');
  writeFileSync(keyFile, key, { mode: 0o600 });
  await using edge = await startEdgeProcess(`
edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", plaintext: true }]
  trustedProxies: [127.0.0.0/8]
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app }]
crowdsec: { lapi: { url: "${agent.url}", keyFile: ${keyFile}, intervalSeconds: 1 } }
`);
  assert.equal(await askAs(edge, '45.83.64.1'), 200);
  agent.cscli('decisions', 'add', '-i', '45.83.64.1', '-d', '4h');
  agent.cscli('decisions', 'add', '-r', '45.83.65.0/24', '-d', '4h');
  await until(
    'both are kept out',
    async () =>
      (await askAs(edge, '45.83.64.1')) === 403 && (await askAs(edge, '45.83.65.9')) === 403,
  );
  agent.cscli('decisions', 'delete', '-i', '45.83.64.1');
  await until('one is let in', async () => (await askAs(edge, '45.83.64.1')) === 200);
  assert.equal(await askAs(edge, '45.83.65.9'), 403);
});

it('a real bouncer, asking the shipped command, hears what is blocked and what is not any more', {
  skip: wants('crowdsec-custom-bouncer'),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bouncer-'));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('bouncer.key'), key, { mode: 0o600 });
  writeFileSync(at('told'), '');
  writeFileSync(at('tell'), `#!/bin/sh\necho "$1 $2" >> ${at('told')}\n`, { mode: 0o755 });
  await using origin = await RawOrigin.answering(plainAnswer);
  await using edge = await startEdgeProcess(`
edge: { workers: 1, listeners: [{ address: "127.0.0.1:0", plaintext: true }] }
upstreams: { app: { servers: [{ url: "${origin.url}" }] } }
routes: [{ upstream: app }]
crowdsec:
  serve: { address: "127.0.0.1:0", bouncers: { custom: { keyFile: ${at('bouncer.key')} } } }
`);
  const parts = (await edge.call('GET', '/api/v1/status')).body['parts'] as {
    crowdsec: { serve: { address: string } };
  };
  await edge.call('POST', '/api/v1/blocks', { target: '45.83.64.9', ttlSeconds: 7_200 });
  writeFileSync(
    at('bouncer.yaml'),
    `bin_path: ${at('tell')}
piddir: ${folder}/
update_frequency: 1s
cache_retention_duration: 1s
daemonize: false
log_mode: stdout
log_level: info
api_url: http://${parts.crowdsec.serve.address}/
api_key: ${key}
prometheus: { enabled: false }
`,
  );
  const bouncer = spawn(programOf('crowdsec-custom-bouncer'), ['-c', at('bouncer.yaml')], {
    stdio: 'ignore',
  });
  try {
    const hears = (line: string): Promise<unknown> =>
      until(line, () => Promise.resolve(readFileSync(at('told'), 'utf8').includes(line)));
    await hears('add 45.83.64.9');
    await edge.call('POST', '/api/v1/blocks', { target: '2001:db8:7::/48', ttlSeconds: 7_200 });
    await hears('add 2001:db8:7::/48');
    await edge.call('DELETE', '/api/v1/blocks/45.83.64.9');
    await hears('del 45.83.64.9');
  } finally {
    bouncer.kill('SIGKILL');
    if (bouncer.exitCode === null && bouncer.signalCode === null) await once(bouncer, 'exit');
    rmSync(folder, { recursive: true });
  }
});
