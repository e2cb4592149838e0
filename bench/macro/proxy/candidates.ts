/**
 * Who is compared: the backend asked directly, nginx in front of it, the edge without rules and with both
 * shipped modules; for handshakes also node:tls alone. nginx does the same work as the edge: forwarding fields, request id, access log. Neither
 * resumes TLS sessions.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { makeDevelopmentCertificate } from '../../../certs/development-certificate.ts';
import { freePort, processTree, startOn, untilListening } from '../../support/processes.ts';

export type Candidate = {
  readonly name: string;
  /** Null where it speaks TLS only, or not. */
  readonly plainPort: number | null;
  readonly tlsPort: number | null;
  readonly pids: () => number[];
};

export const proxyCore = 0;
export const loadCore = 1;
const bodyBytes = 1_024;

export async function startBackend(
  folder: string,
): Promise<Candidate & { readonly plainPort: number }> {
  const port = await freePort();
  writeFileSync(
    `${folder}/backend.conf`,
    `daemon off; worker_processes 1; pid ${folder}/backend.pid; error_log ${folder}/backend.err crit;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; default_type text/html; server_tokens off;
  ${tempPaths(folder)}
  server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "${'x'.repeat(bodyBytes)}"; } }
}
`,
  );
  const child = startOn(loadCore, 'nginx', ['-c', `${folder}/backend.conf`]);
  await untilListening(port);
  return {
    name: 'backend, no proxy',
    plainPort: port,
    tlsPort: null,
    pids: () => processTree(child.pid ?? -1),
  };
}

export async function startNginx(folder: string, backendPort: number): Promise<Candidate> {
  const plainPort = await freePort();
  const tlsPort = await freePort();
  writeFileSync(
    `${folder}/nginx.conf`,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx.err crit;
events { worker_connections 8192; }
http {
  log_format line escape=json '{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr","method":"$request_method","host":"$host","path":"$uri","query":"$args","status":$status,"upstream":"$upstream_addr","bytesIn":$request_length,"bytesOut":$body_bytes_sent,"duration":$request_time,"userAgent":"$http_user_agent"}';
  access_log ${folder}/nginx-access.log line buffer=64k flush=1s;
  keepalive_requests 100000000; keepalive_timeout 600s; server_tokens off; http2_max_concurrent_streams 128;
  client_body_buffer_size 64k;
  ${tempPaths(folder)}
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${plainPort} backlog=4096;
    listen 127.0.0.1:${tlsPort} ssl http2 backlog=4096;
    ssl_certificate ${folder}/site.crt; ssl_certificate_key ${folder}/site.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets off; ssl_session_cache off;
    add_header X-Request-Id $request_id;
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Request-Id $request_id;
      proxy_set_header Forwarded "for=$remote_addr;host=$host;proto=$scheme";
    }
  }
}
`,
  );
  const child = startOn(proxyCore, 'nginx', ['-c', `${folder}/nginx.conf`]);
  await untilListening(plainPort);
  return { name: 'nginx', plainPort, tlsPort, pids: () => processTree(child.pid ?? -1) };
}

export async function startEdge(
  folder: string,
  backendPort: number,
  name: string,
  rules: readonly string[],
  env: Record<string, string> = {},
): Promise<Candidate> {
  const plainPort = await freePort();
  const tlsPort = await freePort();
  const own = `${folder}/${name.replaceAll(/\W+/g, '-')}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(
    `${own}/edge.yaml`,
    `edge:
  workers: 1
  limits: { requestsPerConnectionMax: 1000000000 }
  listeners:
    - { address: "127.0.0.1:${plainPort}", plaintext: true }
    - { address: "127.0.0.1:${tlsPort}", tls: { sessionTickets: false, certificates: [{ cert: ${folder}/site.crt, key: ${folder}/site.key }] } }
upstreams: { backend: { servers: [{ url: "http://127.0.0.1:${backendPort}" }] } }
routes: [{ upstream: backend, waf: { rules: [${rules.join(', ')}] } }]
waf: { rules: { ${rules.map((rule) => `${rule}: { module: "builtin:${rule}" }`).join(', ')} } }
admin: { address: "127.0.0.1:0" }
accessLog: { to: access.log }
log: { level: error }
state: state
`,
  );
  const main = new URL('../../../src/main.ts', import.meta.url).pathname;
  const child = startOn(
    proxyCore,
    process.execPath,
    [main, 'edge', '--config', `${own}/edge.yaml`],
    env,
  );
  await untilListening(tlsPort);
  return { name, plainPort, tlsPort, pids: () => processTree(child.pid ?? -1) };
}

/** Only for what ends with the handshake: it proxies nothing. */
export async function startBareTls(folder: string): Promise<Candidate> {
  const tlsPort = await freePort();
  const main = new URL('./bare-tls.ts', import.meta.url).pathname;
  // A young generation as a worker has it (src/roles/worker-process.ts).
  const flags = ['--max-semi-space-size=2'];
  const child = startOn(proxyCore, process.execPath, [...flags, main, folder, String(tlsPort)]);
  await untilListening(tlsPort);
  return {
    name: 'node:tls alone',
    plainPort: null,
    tlsPort,
    pids: () => processTree(child.pid ?? -1),
  };
}

/** Certificates are ECDSA P-256 for everybody. */
export async function makeCertificate(folder: string): Promise<void> {
  const made = await makeDevelopmentCertificate(['localhost', '127.0.0.1']);
  writeFileSync(`${folder}/site.crt`, made.certificate);
  writeFileSync(`${folder}/site.key`, made.privateKey, { mode: 0o600 });
}

const tempPaths = (folder: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/t-${name};`)
    .join(' ');
