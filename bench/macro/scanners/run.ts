/**
 * What do scanners say of the edge's TLS listener, and do other people's HTTP/2 clients agree with it?
 *
 *     node bench/macro/scanners/run.ts [--quick]
 *
 * testssl (some two minutes; `--quick` leaves it out), sslscan, h2load and nghttp, each where it is
 * installed; the others are named. Ends with 1 where testssl finds anything above LOW, where an old protocol
 * is offered, or where an HTTP/2 client sees a request fail. Self-signed certificates are part of the bench,
 * so what is said of trust does not count.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startShop } from '../../../src/demo/shop.ts';
import { startEdgeProcess } from '../../../test/support/edge-process.ts';
import { hasCommand, versionOf } from '../../support/processes.ts';
import { machine } from '../../support/results.ts';

type Verdict = { readonly passed: boolean; readonly lines: readonly string[] };

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const shop = await startShop();
await using edge = await startEdgeProcess(`edge:
  workers: 1
  listeners: [{ address: "127.0.0.1:0", tls: { certificates: [{ cert: site.crt, key: site.key }] } }]
upstreams: { shop: { servers: [{ url: "${shop.url}" }] } }
routes: [{ upstream: shop }]`);
const address = `127.0.0.1:${edge.ports[0]}`;

const scanners: Readonly<Record<string, { version: string; run: () => Promise<Verdict> }>> = {
  sslscan: { version: '--version', run: sslscan },
  nghttp: { version: '--version', run: nghttp },
  h2load: { version: '--version', run: h2load },
  testssl: { version: '--version', run: testssl },
};
let text = `# Scanners and other clients\n\n\`node bench/macro/scanners/run.ts\`, ${new Date().toISOString().slice(0, 10)}\n${machine}.\n`;
let passed = true;
for (const [name, { version, run }] of Object.entries(scanners)) {
  if (!hasCommand(name)) {
    text += `\n## ${name}\n\nLeft out: it is not installed.\n`;
    continue;
  }
  if (values.quick && name === 'testssl') {
    text += `\n## ${name}\n\nLeft out by --quick.\n`;
    continue;
  }
  process.stderr.write(`${name} …\n`);
  const verdict = await run();
  passed &&= verdict.passed;
  const said = plain(versionOf(name, version))
    .replace(/^No engine.*/, '')
    .trim();
  text += `\n## ${name}${said === '' ? '' : ` (${said})`}: ${verdict.passed ? 'as it should be' : 'NOT as it should be'}\n\n${verdict.lines.map((line) => `- ${line}`).join('\n')}\n`;
}
await shop.close();
const folder = new URL('../../results/', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}scanners.md`, text);
process.stdout.write(text);
process.exitCode = passed ? 0 : 1;

async function sslscan(): Promise<Verdict> {
  const output = await outputOf('sslscan', ['--no-colour', address]);
  const protocols = [...output.matchAll(/^((?:SSL|TLS)v[\d.]+)\s+(enabled|disabled)$/gm)];
  const ciphers = [...output.matchAll(/^(?:Preferred|Accepted)\s+(\S+)\s+\d+ bits\s+(\S+)/gm)];
  const old = protocols.filter(
    ([, name = '', state]) => state === 'enabled' && !/^TLSv1\.[23]$/.test(name),
  );
  return {
    passed: protocols.length > 0 && old.length === 0,
    lines: [
      ...protocols.map(([, name, state]) => `${name} ${state}`),
      ...ciphers.map(([, version, cipher]) => `${version} ${cipher}`),
    ],
  };
}

async function nghttp(): Promise<Verdict> {
  const output = await outputOf('nghttp', ['-nv', `https://${address}/healthz`]);
  const status = /:status: (\d+)/.exec(plain(output))?.[1] ?? 'none';
  return { passed: status === '200', lines: [`GET /healthz over HTTP/2: status ${status}`] };
}

async function h2load(): Promise<Verdict> {
  const output = await outputOf('h2load', [
    '-n',
    '5000',
    '-c',
    '10',
    '-m',
    '10',
    `https://${address}/healthz`,
  ]);
  const requests = /^requests: .*$/m.exec(output)?.[0] ?? 'no summary';
  const protocol = /Application protocol: (\S+)/.exec(output)?.[1] ?? 'none';
  return {
    passed: / 5000 succeeded, 0 failed, 0 errored/.test(requests) && protocol === 'h2',
    lines: [`protocol ${protocol}`, requests],
  };
}

async function testssl(): Promise<Verdict> {
  const file = join(edge.folder, 'testssl.json');
  await outputOf('testssl', [
    '--quiet',
    '--color',
    '0',
    '--warnings',
    'off',
    '--jsonfile',
    file,
    '-p',
    '-s',
    '-f',
    '-U',
    address,
  ]);
  if (!existsSync(file)) return { passed: false, lines: ['it wrote no report'] };
  type Finding = { readonly id: string; readonly severity: string; readonly finding: string };
  const findings = JSON.parse(readFileSync(file, 'utf8')) as readonly Finding[];
  const counted = new Map<string, number>();
  for (const { severity } of findings) counted.set(severity, (counted.get(severity) ?? 0) + 1);
  const bad = findings.filter(({ severity }) => /^(?:MEDIUM|HIGH|CRITICAL|FATAL)$/.test(severity));
  const notable = findings.filter(({ severity }) => /^(?:LOW|WARN)$/.test(severity));
  return {
    passed: findings.length > 0 && bad.length === 0,
    lines: [
      [...counted].map(([severity, count]) => `${count} ${severity}`).join(', '),
      ...[...bad, ...notable].map(({ id, severity, finding }) => `${severity} ${id}: ${finding}`),
    ],
  };
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      output += part;
    });
  await once(child, 'close');
  return output;
}

/** Without the colours of a terminal. */
function plain(said: string): string {
  return said.replaceAll(/\u001b\[[0-9;]*m/g, '');
}
