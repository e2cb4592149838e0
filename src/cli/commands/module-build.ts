/** `weir module build` — a rule author's folder becomes a module a node can load. */
import { relative, resolve } from 'node:path';
import { type Command, jsonOption } from '#cli/command.ts';
import { compileFailure } from '#cli/compile-failure.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { thousands } from '#cli/words.ts';

export const moduleBuild: Command = {
  words: ['module', 'build'],
  summary: 'compile a rule module from its folder',
  positionals: ['DIR'],
  options: [
    {
      name: 'out',
      kind: 'text',
      value: 'FILE',
      summary: 'the module; else DIR/build/NAME.wasm',
    },
    jsonOption,
  ],
  examples: [
    'weir module build my-rule',
    'weir module build my-rule --out /srv/rules/my-rule.wasm',
  ],
  async run({ given, print, io }) {
    const { moduleFolder } = await import('#toolchain/module-folder.ts');
    const { buildModule } = await import('#toolchain/build-module.ts');
    const folder = moduleFolder(resolve(io.cwd, given.positional(0)));
    const out = given.text('out');
    const startedAt = performance.now();
    try {
      const built = await buildModule(folder, out === null ? undefined : resolve(io.cwd, out));
      const took = Math.round(performance.now() - startedAt);
      const file = relative(io.cwd, built.file);
      const { bytes, grants } = built;
      print.answer({ file, bytes, grants, ms: took }, () => {
        const needs = grants.length === 0 ? 'no grants' : `the grants ${grants.join(', ')}`;
        return `${file}: ${thousands(bytes)} bytes in ${took} ms, needs ${needs}`;
      });
      return exitCodes.ok;
    } catch (error) {
      throw compileFailure(error, relative(io.cwd, folder.directory));
    }
  },
};
