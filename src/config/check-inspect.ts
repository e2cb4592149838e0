/**
 * `kernel.inspect`: the module is one of `waf.rules`, and one of packets. Where its bytes are not at hand (an
 * OCI image, a file that cannot be read) the start of the node has the last word.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ConfigDraft, presentEntries } from './draft.ts';
import { builtinPrefix, ociPrefix } from './file-names.ts';
import type { Say } from './problem.ts';

const path = 'kernel.inspect.module';

export async function checkInspect(config: ConfigDraft, say: Say): Promise<void> {
  const name = config.kernel?.inspect?.module;
  if (name === undefined) return;
  const modules = presentEntries(config.waf?.rules);
  const found = modules.find(([one]) => one === name)?.[1];
  if (found === undefined) {
    const names = modules.map(([one]) => one).join(', ');
    say(
      path,
      `no module of waf.rules is named ${name}`,
      names === ''
        ? 'add it, for one: waf: { rules: { packet-protocol: { module: "builtin:packet-protocol", grants: ["kv:request"] } } }'
        : `name one of packets: ${names}`,
    );
    return;
  }
  if (found.module === undefined || found.module.startsWith(ociPrefix)) return;
  const file = found.module.startsWith(builtinPrefix)
    ? new URL(`../../build/rules/${found.module.slice(builtinPrefix.length)}.wasm`, import.meta.url)
    : found.module;
  if ((await isOfPackets(typeof file === 'string' ? file : fileURLToPath(file))) === false)
    say(
      path,
      `${name} looks at requests: it exports no weir_packet`,
      'name a module of packets, as builtin:packet-protocol is one',
    );
}

/** Null where that cannot be said. */
async function isOfPackets(file: string): Promise<boolean | null> {
  try {
    const module = new WebAssembly.Module(await readFile(file));
    return WebAssembly.Module.exports(module).some((one) => one.name === 'weir_packet');
  } catch {
    return null;
  }
}
