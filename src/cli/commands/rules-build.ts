/** `weir rules build` — SecLang rules made into one module file. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { paranoiaOption, ruleSetOf, setupOption } from '#cli/rule-options.ts';
import { counted, thousands } from '#cli/words.ts';

export const rulesBuild: Command = {
  words: ['rules', 'build'],
  summary: 'compile SecLang rules to a module',
  positionals: ['FILE|DIR…'],
  options: [
    { name: 'out', kind: 'text', value: 'FILE', summary: 'the module; rules.wasm unless given' },
    {
      name: 'cache',
      kind: 'text',
      value: 'DIR',
      summary: 'where built rule sets are kept; .weir/rule-sets unless given',
    },
    paranoiaOption,
    setupOption,
    jsonOption,
  ],
  examples: ['weir rules build /usr/share/modsecurity-crs --paranoia 2 --out crs.wasm'],
  async run({ io, print, given }) {
    const { buildRuleSetApart } = await import('#toolchain/build-rule-set-apart.ts');
    const out = resolve(io.cwd, given.text('out') ?? 'rules.wasm');
    const cache = resolve(io.cwd, given.text('cache') ?? join('.weir', 'rule-sets'));
    const startedAt = performance.now();
    const built = await buildRuleSetApart(
      ruleSetOf('rules', given.positionals, given, io.cwd),
      cache,
      (stage) => {
        // What is answered alone goes to the standard output.
        print.errorLine(print.paint('dim', stage));
      },
    );
    await writeFile(out, built.bytes);
    const ms = Math.round(performance.now() - startedAt);
    const { sha256, loadedRules, foldedRules, isFromCache, stats, bytes } = built;
    print.answer(
      { out, sha256, bytes: bytes.length, loadedRules, foldedRules, isFromCache, stats, ms },
      () =>
        [
          `${out}: ${thousands(bytes.length)} bytes, ${counted(loadedRules, 'rule')}, ${counted(foldedRules, 'rule')} folded away`,
          `sha256 ${sha256}`,
          isFromCache ? `from the cache, ${ms} ms` : `compiled in ${(ms / 1_000).toFixed(1)} s`,
        ].join('\n'),
    );
    return exitCodes.ok;
  },
};
