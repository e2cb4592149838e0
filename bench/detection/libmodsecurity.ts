/**
 * nginx with libmodsecurity 3 and the Core Rule Set, one server a paranoia level, in front of an origin that answers 200
 * to everything: what a site has that installs both from its distribution.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DetectionRequest } from '../../test/support/detection-corpus.ts';

export type PeerServer = {
  readonly version: string;
  /** 403 or another status of its own counts as stopped. */
  readonly stops: (request: DetectionRequest, paranoia: number) => Promise<boolean>;
  readonly close: () => Promise<void>;
};

const modulePath = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so';
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

/** Or why there is none. */
export async function startLibmodsecurity(
  crs: string,
  levels: readonly number[],
): Promise<PeerServer | string> {
  if (!existsSync(modulePath))
    return 'nginx with libmodsecurity is not installed (apt install nginx-light libnginx-mod-http-modsecurity)';
  const folder = mkdtempSync(join(tmpdir(), 'weir-detection-'));
  const origin = createServer((incoming, outgoing) => {
    incoming.resume();
    incoming.on('end', () => outgoing.end('ok'));
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const originPort = (origin.address() as AddressInfo).port;
  const ports = await Promise.all(levels.map(freePort));
  writeConfig(folder, crs, levels, ports, originPort);
  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  nginx.stderr.on('data', (bytes: Buffer) => said.push(bytes.toString()));
  const close = async (): Promise<void> => {
    agent.destroy();
    if (nginx.exitCode === null) {
      const exited = once(nginx, 'exit');
      nginx.kill('SIGTERM');
      await exited;
    }
    origin.closeAllConnections();
    origin.close();
    rmSync(folder, { recursive: true, force: true });
  };
  const portOf = new Map(levels.map((level, index) => [level, ports[index] ?? 0]));
  const stops: PeerServer['stops'] = async (request, paranoia) =>
    (await statusOf(request, portOf.get(paranoia) ?? 0)) !== 200;
  for (let tries = 0; ; tries++) {
    if (nginx.exitCode !== null || tries > 600) {
      await close();
      return `nginx with libmodsecurity does not start: ${said.join('').trim().split('\n').at(-1) ?? ''}`;
    }
    if (
      await stops(plain, levels[0] ?? 1).then(
        (stopped) => !stopped,
        () => false,
      )
    )
      break;
    await delay(100);
  }
  return { version: versionOf(), stops, close };
}

const plain: DetectionRequest = {
  id: 'plain',
  request: {
    method: 'GET',
    target: '/',
    version: 'HTTP/1.1',
    fields: [
      ['Host', 'shop.example.test'],
      ['User-Agent', 'Mozilla/5.0'],
      ['Accept', '*/*'],
    ],
  },
  body: null,
};

function writeConfig(
  folder: string,
  crs: string,
  levels: readonly number[],
  ports: readonly number[],
  originPort: number,
): void {
  for (const name of ['body', 'logs', 'proxy', 'tmp'])
    mkdirSync(join(folder, name), { mode: 0o777 });
  const engine = readFileSync(join(crs, 'engine/modsecurity.conf-recommended'), 'utf8')
    .replace('SecRuleEngine DetectionOnly', 'SecRuleEngine On')
    .replace(
      /^SecUnicodeMapFile .*$/m,
      `SecUnicodeMapFile ${join(crs, 'engine/unicode.mapping')} 20127`,
    )
    .replace(/^SecAuditEngine .*$/m, 'SecAuditEngine Off')
    .replace(/^SecAuditLog(?:Parts|Type)? .*$/gm, '')
    .replace(/^Sec(?:TmpDir|DataDir) .*$/gm, '');
  writeFileSync(join(folder, 'engine.conf'), engine);
  const servers = levels.map((level, index) => {
    writeFileSync(
      join(folder, `level-${level}.conf`),
      [
        `Include ${join(folder, 'engine.conf')}`,
        `SecAction "id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=${level},setvar:tx.detection_paranoia_level=${level}"`,
        `Include ${join(crs, 'crs-setup.conf.example')}`,
        `Include ${join(crs, 'rules')}/*.conf`,
      ].join('\n'),
    );
    return `server { listen 127.0.0.1:${ports[index]}; modsecurity on; modsecurity_rules_file ${join(folder, `level-${level}.conf`)};
location / { proxy_pass http://127.0.0.1:${originPort}; proxy_http_version 1.1; proxy_set_header Connection ""; } }`;
  });
  writeFileSync(
    join(folder, 'nginx.conf'),
    `load_module ${modulePath};
daemon off; worker_processes 1; pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'logs/error.log')} crit;
events { worker_connections 256; }
http { access_log off; large_client_header_buffers 8 64k; client_max_body_size 1m; client_body_buffer_size 1m;
client_body_temp_path ${join(folder, 'body')}; proxy_temp_path ${join(folder, 'proxy')};
fastcgi_temp_path ${join(folder, 'tmp')}; uwsgi_temp_path ${join(folder, 'tmp')}; scgi_temp_path ${join(folder, 'tmp')};
${servers.join('\n')}
}
`,
  );
}

async function freePort(): Promise<number> {
  const server = createNetServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function statusOf({ request, body }: DetectionRequest, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const headers = request.fields.filter(([name]) => name.toLowerCase() !== 'connection').flat();
  const outgoing = httpRequest(
    { host: '127.0.0.1', port, method: request.method, path: request.target, headers, agent },
    (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
      answer.on('error', reject);
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body ?? undefined);
  return promise;
}

function versionOf(): string {
  const nginx = spawnSync('nginx', ['-v'], { encoding: 'utf8' })
    .stderr.trim()
    .replace(/^.*nginx\//, '');
  const library = spawnSync('dpkg-query', ['-W', '-f', `\${Version}`, 'libmodsecurity3'], {
    encoding: 'utf8',
  }).stdout;
  return `nginx ${nginx}, libmodsecurity ${library}`;
}
