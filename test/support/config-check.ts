/** A folder with certificates good and bad, and what a configuration beside them is found to have wrong. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { checkConfig } from '#config/check.ts';
import { loadConfig } from '#config/load.ts';
import { formatProblem } from '#config/problem.ts';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { makeClientAuthority } from './client-authority.ts';

export const directory = mkdtempSync(join(tmpdir(), 'weir-check-'));
after(() => rmSync(directory, { recursive: true }));

export const made = await makeDevelopmentCertificate(['localhost', 'shop.example.org']);
const other = await makeDevelopmentCertificate(['localhost']);
const passphrase = {
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'x',
} as const;
mkdirSync(join(directory, 'certs'));
for (const [name, content] of Object.entries({
  'certs/site.crt': made.certificate,
  'certs/site.key': made.privateKey,
  'certs/clients.pem': (await makeClientAuthority()).certificate,
  'certs/other.crt': other.certificate,
  'certs/other.key': other.privateKey,
  'certs/locked.key': generateKeyPairSync('ed25519').privateKey.export(passphrase),
  'certs/none.crt': 'no certificate\n',
  'certs/damaged.crt': made.certificate.replace(/^M/m, 'A'),
  'own.wasm': '',
})) {
  writeFileSync(join(directory, name), content);
}

export type Parts = {
  readonly listeners?: string;
  readonly edge?: string;
  readonly servers?: string;
  readonly routes?: string;
  readonly rest?: string;
};

export function text({ listeners, edge, servers, routes, rest }: Parts): string {
  return `edge:
  listeners: ${listeners ?? '[{ address: "127.0.0.1:8000", plaintext: true }]'}
  ${edge ?? ''}
upstreams:
  app: { servers: ${servers ?? '[{ url: "http://127.0.0.1:8081" }]'} }
routes: ${routes ?? '[{ upstream: app }]'}
${rest ?? ''}
`;
}

export async function problemsOf(
  parts: Parts,
  nowMs?: number,
  env: Record<string, string> = {},
): Promise<string[]> {
  const file = join(directory, 'weir.yaml');
  writeFileSync(file, text(parts));
  const loaded = loadConfig({ file, env });
  assert.ok(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
  const problems = await checkConfig(loaded, nowMs);
  return problems.map((problem) => formatProblem(problem, 'F').replaceAll(directory, 'D'));
}
