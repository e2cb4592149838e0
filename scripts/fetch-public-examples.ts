/**
 * Gets the public examples of the AssemblyScript SDK for proxy-wasm that `test/corpus/proxy-wasm-public/` has cases
 * for, at the commits named there, into `build/public-examples/`. One whose bytes are not those that the cases
 * were written for is refused. Needs the network; nothing else does it.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { publicCorpus } from '../test/support/proxy-wasm-cases.ts';

const repository = 'https://raw.githubusercontent.com/G-Core/proxy-wasm-sdk-as';
const timeoutMs = 30_000;

export function examplePath(name: string): string {
  return join(import.meta.dirname, '../build/public-examples', `${name}.ts`);
}

async function fetchExamples(): Promise<void> {
  for (const { guest, origin } of publicCorpus()) {
    const url = `${repository}/${origin.commit}/${origin.path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (hash !== origin.sha256)
      throw new Error(`${url}: has the hash ${hash}, and ${origin.sha256} was expected`);
    await mkdir(dirname(examplePath(guest)), { recursive: true });
    await writeFile(examplePath(guest), bytes);
    console.log(`${guest}: ${bytes.length} bytes`);
  }
}

if (import.meta.main) await fetchExamples();
