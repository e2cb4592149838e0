/**
 * Who is compared: nginx alone, nginx with libmodsecurity 3 and the Core Rule Set, the edge without rules, with the same
 * rules, and with its own where it has them. All write an access log, forward the same fields and have one core.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, processTree, startOn, untilListening } from '../../support/processes.ts';

export type Candidate = {
  readonly name: string;
  readonly port: number;
  /** Whether attacks are answered with 403. */
  readonly isGuarded: boolean;
  readonly pids: () => number[];
};

const proxyCore = 0;
export const loadCore = 1;
const answerBytes = 1_024;
const startMs = 120_000;
const root = join(import.meta.dirname, '../../..');

export async function startBackend(folder: string): Promise<number> {
  const port = await freePort();
  const file = writeNginx(
    folder,
    'backend',
    '',
    `access_log off;
  server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "${page()}"; } }`,
  );
  startOn(loadCore, 'nginx', ['-c', file]);
  await untilListening(port);
  return port;
}

/** `rules` is a file of SecLang, or null for nginx alone. */
export async function startNginx(
  folder: string,
  name: string,
  backendPort: number,
  rules: string | null,
): Promise<Candidate> {
  const port = await freePort();
  const guard = rules === null ? '' : `modsecurity on; modsecurity_rules_file ${rules};`;
  const modules =
    rules === null ? '' : 'load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;';
  const own = name.replaceAll(/\W+/g, '-');
  const file = writeNginx(
    folder,
    own,
    modules,
    `log_format line escape=json '{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr","method":"$request_method","host":"$host","path":"$uri","query":"$args","status":$status,"upstream":"$upstream_addr","bytesIn":$request_length,"bytesOut":$body_bytes_sent,"duration":$request_time,"userAgent":"$http_user_agent"}';
  access_log ${folder}/${own}-access.log line buffer=64k flush=1s;
  client_body_buffer_size 64k;
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${guard}
    add_header X-Request-Id $request_id;
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Request-Id $request_id;
      proxy_set_header Forwarded "for=$remote_addr;host=$host;proto=$scheme";
    }
  }`,
  );
  const child = startOn(proxyCore, 'nginx', ['-c', file]);
  await untilListening(port, startMs);
  return { name, port, isGuarded: rules !== null, pids: () => processTree(child.pid ?? -1) };
}

/** `rule` is what stands below `waf.rules.NAME`, or null for none. */
export async function startEdge(
  folder: string,
  name: string,
  backendPort: number,
  rule: string | null,
): Promise<Candidate> {
  const port = await freePort();
  const own = join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(own, { recursive: true });
  const file = join(own, 'edge.yaml');
  writeFileSync(
    file,
    `edge:
  workers: 1
  limits: { requestsPerConnectionMax: 1000000000 }
  listeners: [{ address: "127.0.0.1:${port}", plaintext: true }]
upstreams: { backend: { servers: [{ url: "http://127.0.0.1:${backendPort}" }] } }
routes: [{ upstream: backend, waf: { rules: [${rule === null ? '' : 'rules'}] } }]
waf: { rules: { ${rule === null ? '' : `rules: ${rule}`} } }
admin: { address: "127.0.0.1:0" }
accessLog: { to: access.log }
kernel: { xdp: off }
log: { level: error }
state: state
`,
  );
  const main = join(root, 'src/main.ts');
  const child = startOn(proxyCore, process.execPath, [main, 'edge', '--config', file]);
  await untilListening(port, startMs);
  return { name, port, isGuarded: rule !== null, pids: () => processTree(child.pid ?? -1) };
}

/** Weir's own rules, where this tree has them. */
export const hasOwnRules = (): boolean => existsSync(join(root, 'wasm-rules/core'));

/** The recommended settings of ModSecurity that come with the rules, blocking, and the rules at one paranoia level. */
export function writeModSecurity(folder: string, crs: string, paranoia: number): string {
  const settings = readFileSync(join(crs, 'engine/modsecurity.conf-recommended'), 'utf8')
    .replace(/^SecRuleEngine .*$/m, 'SecRuleEngine On')
    .replace(/^SecAuditLog .*$/m, `SecAuditLog ${folder}/audit-${paranoia}.log`)
    .replace(/^SecUnicodeMapFile .*$/m, `SecUnicodeMapFile ${crs}/engine/unicode.mapping 20127`);
  const file = join(folder, `modsecurity-${paranoia}.conf`);
  writeFileSync(
    file,
    `${settings}
Include ${crs}/crs-setup.conf.example
SecAction "id:1,phase:1,pass,nolog,t:none,setvar:tx.blocking_paranoia_level=${paranoia},setvar:tx.detection_paranoia_level=${paranoia}"
Include ${crs}/rules/*.conf
`,
  );
  return file;
}

/** Its file, which is one of a process in the foreground. */
export function writeNginx(folder: string, name: string, top: string, http: string): string {
  const file = join(folder, `${name}.conf`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/t-${name}-${kind};`)
    .join(' ');
  writeFileSync(
    file,
    `${top}
daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log ${folder}/${name}.err crit;
events { worker_connections 8192; }
http {
  keepalive_requests 100000000; keepalive_timeout 600s; server_tokens off; default_type text/html;
  ${temporary}
  ${http}
}
`,
  );
  return file;
}

/** HTML as shops send it, without what nginx would read as the end of the string or a variable. */
function page(): string {
  const item = '<li><a href=/item/4711>Garden chair, oak</a> <span>129.00 EUR</span></li>\n';
  return `<!doctype html><title>Shop</title><ul>\n${item.repeat(40)}`.slice(0, answerBytes);
}
