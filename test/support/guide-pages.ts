/**
 * The pages people read, as a test runs them: every complete configuration (a ```yaml block with `edge:`)
 * is checked, and the ```console blocks behind one are run against an edge started with it. Rules of a page
 * (a ```apache block that begins with `# rules/NAME`) lie beside its configurations.
 *
 * Only what belongs to the machine is changed: addresses become loopback with a port the system picks,
 * each server at 127.0.0.1 becomes an origin of the test, and files of `certs/` those of the test. What is
 * printed gets the page's own ports back before it is compared.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDevelopmentCertificate } from '../../certs/development-certificate.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { makeClientAuthority } from './client-authority.ts';
import { consoleExamples, type Example } from './console-blocks.ts';
import { type EdgeProcess, mainFile, root, startEdgeProcess } from './edge-process.ts';
import { statusGuest } from './versioned-guest.ts';

export type Guide = {
  readonly yaml: string;
  readonly examples: readonly Example[];
  readonly rules: readonly RuleFile[];
};
/** `name` is below `rules/`. */
export type RuleFile = { readonly name: string; readonly text: string };
export type Page = { readonly file: string; readonly text: string; readonly guides: Guide[] };

export function readPage(file: string): Page {
  const text = readFileSync(join(root, file), 'utf8');
  const guides: { yaml: string; examples: Example[]; rules: readonly RuleFile[] }[] = [];
  const rules = [...text.matchAll(/```apache\n(# rules\/(\S+)\n[\s\S]*?)```/g)].map(
    ([, body = '', name = '']) => ({ name, text: body }),
  );
  for (const [whole, kind, body] of text.matchAll(/```(yaml|console)\n([\s\S]*?)```/g)) {
    if (kind === 'console') guides.at(-1)?.examples.push(...consoleExamples(whole));
    else if (/^edge:/m.test(body as string))
      guides.push({ yaml: body as string, examples: [], rules });
  }
  return { file, text, guides };
}

/** Markdown below a folder of the repository, with its path. */
export function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
    .toSorted();
}

/** A page's folder: the files its configurations name. */
export class GuideFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'weir-guide-'));

  static async make(): Promise<GuideFolder> {
    const folder = new GuideFolder();
    const made = await makeDevelopmentCertificate(['localhost', '127.0.0.1']);
    const authority = await makeClientAuthority();
    mkdirSync(join(folder.path, 'certs'));
    // A module of a page whose own test builds it: here it is only looked for.
    writeFileSync(join(folder.path, 'key.wasm'), '');
    folder.write('site.crt', made.certificate);
    folder.write('site.key', made.privateKey);
    folder.write('internal-ca.pem', made.certificate);
    folder.write('clients.pem', authority.certificate);
    for (const name of ['agent', 'firewall', 'nginx'])
      folder.write(`${name}.key`, `${name}${'0'.repeat(32)}\n`);
    writeFileSync(join(folder.path, 'new.wasm'), statusGuest(403));
    return folder;
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.path, 'certs', name), content);
  }

  writeRules(rules: readonly RuleFile[]): void {
    mkdirSync(join(this.path, 'rules'));
    for (const { name, text } of rules) writeFileSync(join(this.path, 'rules', name), text);
  }

  /** Modules the page names in `plugins/`, made from `wasm-rules/testing/`. */
  async buildPlugins(yaml: string): Promise<void> {
    for (const [, name] of yaml.matchAll(/plugins\/([a-z0-9-]+)\.wasm/g)) {
      await buildRules({
        sources: [join(root, 'wasm-rules/testing', name as string)],
        outDirectory: join(this.path, 'plugins'),
      });
    }
  }

  /** The configuration as a file there. */
  put(yaml: string): string {
    const file = join(this.path, 'weir.yaml');
    writeFileSync(file, yaml);
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

export class RunningGuide implements AsyncDisposable {
  readonly #folder: GuideFolder;
  readonly #edge: EdgeProcess;
  readonly #origins: readonly http.Server[];
  /** The page's ports and the real ones. */
  readonly #ports: readonly (readonly [string, string])[];

  private constructor(
    folder: GuideFolder,
    edge: EdgeProcess,
    origins: readonly http.Server[],
    ports: readonly (readonly [string, string])[],
  ) {
    this.#folder = folder;
    this.#edge = edge;
    this.#origins = origins;
    this.#ports = ports;
  }

  static async start(yaml: string, rules: readonly RuleFile[] = []): Promise<RunningGuide> {
    const folder = await GuideFolder.make();
    folder.writeRules(rules);
    const origins = new Map<string, http.Server>();
    for (const [, port] of yaml.matchAll(/url: "http:\/\/127\.0\.0\.1:(\d+)"/g))
      if (!origins.has(port as string))
        origins.set(port as string, await startOrigin(port as string));
    const listened = [...yaml.matchAll(/address: "[^"]*:(\d+)"/g)].map(
      ([, port]) => port as string,
    );
    const config = yaml
      .replaceAll(/^(?:admin|accessLog|state):.*\n/gm, '')
      .replaceAll(/address: "\[[^"]*"/g, 'address: "[::1]:0"')
      .replaceAll(/address: "\d[^"]*"/g, 'address: "127.0.0.1:0"')
      .replaceAll(/(?<=url: "http:\/\/127\.0\.0\.1:)\d+/g, (port) =>
        String(portOf(origins.get(port))),
      )
      .replaceAll(/certs\/site\./g, 'site.')
      .replaceAll('certs/', `${folder.path}/certs/`)
      .replaceAll('plugins/', `${folder.path}/plugins/`)
      .replaceAll('"rules/', `"${folder.path}/rules/`);
    await folder.buildPlugins(yaml);
    const edge = await startEdgeProcess(config).catch((error: unknown) => {
      // Else a page with a mistake in it keeps the test process alive.
      for (const origin of origins.values()) origin.close();
      folder[Symbol.dispose]();
      throw error;
    });
    folder.write('site.crt', edge.certificate);
    const { parts } = (await edge.call('GET', '/api/v1/status')).body as {
      parts: { crowdsec: { serve: { address: string } | null } };
    };
    const served = parts.crowdsec.serve?.address.match(/\d+$/)?.[0];
    const real = [...edge.ports.map(String), ...(served === undefined ? [] : [served])];
    const ports = listened.map((port, index) => [port, real[index] ?? ''] as const);
    return new RunningGuide(folder, edge, [...origins.values()], ports);
  }

  async run(command: string): Promise<string> {
    let here = command.replace('npx weir', `${process.execPath} ${mainFile}`);
    for (const [page, real] of this.#ports)
      here = here.replaceAll(
        new RegExp(`(?<=(?:127\\.0\\.0\\.1|localhost|\\]):)${page}\\b`, 'g'),
        real,
      );
    const child = spawn('bash', ['-c', here], {
      cwd: this.#folder.path,
      env: { ...process.env, WEIR_STATE: this.#edge.state },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    await once(child, 'close');
    for (const [page, real] of this.#ports) stdout = stdout.replaceAll(`:${real}`, `:${page}`);
    return stdout.replaceAll(/ ?\r/g, '').trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#edge[Symbol.asyncDispose]();
    for (const origin of this.#origins) {
      origin.closeAllConnections();
      origin.close();
    }
    this.#folder[Symbol.dispose]();
  }
}

/** Answers with what it was asked, under the port it has in the page. */
async function startOrigin(port: string): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    const shown = Object.entries(request.headers)
      .filter(([name]) => name.startsWith('x-') && name !== 'x-request-id')
      .toSorted()
      .map(([name, value]) => `${name}: ${value}\n`);
    response.setHeader('Server', 'backend/1.0');
    response.end(`${port} ${request.method} ${request.url}\n${shown.join('')}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: http.Server | undefined): number =>
  (server?.address() as AddressInfo | undefined)?.port ?? 0;
