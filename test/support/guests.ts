/** Rule modules for tests: the shipped ones, and those of `wasm-rules/testing/`, built when needed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { responseHeadBytesMax, responseHeadersMax } from '#waf/response-bounds.ts';
import type { GuestLimits } from '#wasm/abi.ts';
import { type CompileSource, compileModule, type LiveModule } from '#wasm/live-module.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import { buildRules } from '../../scripts/build-rules.ts';

const root = join(import.meta.dirname, '../..');

export const testLimits: GuestLimits = {
  headBytesMax: 32_768,
  headersMax: 100,
  responseHeadBytesMax,
  responseHeadersMax,
  bodyWindowBytes: 131_072,
};

/** What the configuration says of a module unless it says otherwise. */
export const testSource: CompileSource = {
  name: 'tested',
  sha256: '',
  bytes: new Uint8Array(),
  failure: 'closed',
  config: '{}',
  fuel: 20_000_000,
  memoryPagesMax: 256,
  grants: [],
  fetch: [],
  databases: {},
};

export const testServices = trialServices(() => {});

/** Bytes of `wasm-rules/testing/NAME.ts`. */
export async function buildTestGuest(name: string): Promise<Uint8Array> {
  const [built] = await buildRules({
    sources: [join(root, 'wasm-rules/testing', `${name}.ts`)],
    outDirectory: join(root, 'build/test-guests'),
  });
  if (built === undefined) throw new Error(`${name} was not built`);
  return readFile(built.path);
}

/** Shipped modules that work without grants and configuration. */
export const plainModules: readonly string[] = ['bad-bot', 'path-traversal'];

/** The plain ones of the shipped modules, by name. A failure of one fails the test. */
export async function shippedModules(): Promise<ReadonlyMap<string, LiveModule>> {
  const modules = new Map<string, LiveModule>();
  for (const { name, path } of await buildRules())
    if (plainModules.includes(name)) modules.set(name, liveModule(name, await readFile(path)));
  return modules;
}

export function liveModule(name: string, bytes: Uint8Array): LiveModule {
  return compileModule({ ...testSource, name, bytes }, testLimits, testServices, (message) => {
    throw new Error(message);
  });
}
