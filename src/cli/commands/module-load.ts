/** `weir module load` — new bytes for a configured module, while requests flow. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { moduleBytesMax, moduleLoadAnswer } from '#admin/schema.ts';
import { failureError, refusedError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { printable } from '#cli/printer.ts';
import { counted, shortHash, thousands } from '#cli/words.ts';
import { describeError } from '#core/errors.ts';

export const moduleLoad: Command = {
  words: ['module', 'load'],
  summary: 'replace a rule module of a running node',
  positionals: ['FILE'],
  options: [
    {
      name: 'name',
      kind: 'text',
      value: 'NAME',
      summary: "the module it replaces; else the file's name without .wasm",
    },
    jsonOption,
    stateOption,
  ],
  examples: ['weir module load build/core.wasm', 'weir module load /tmp/new.wasm --name core'],
  async run(context) {
    const file = context.given.positional(0);
    const name = context.given.text('name') ?? basename(file, '.wasm');
    const answer = await callDaemon(context, {
      method: 'POST',
      path: `/api/v1/modules/${encodeURIComponent(name)}`,
      answer: moduleLoadAnswer,
      wasm: await readModule(file),
      timeoutMs: slowCallTimeoutMs,
    });
    context.print.answer(answer, () => {
      const { module, previousSha256, generation, workers } = answer;
      const what = `${printable(module.name)} is now ${shortHash(module.sha256)} (${thousands(module.bytes)} bytes), was ${shortHash(previousSha256)}`;
      return `${what}; generation ${generation} is live in ${counted(workers, 'worker')}`;
    });
    return exitCodes.ok;
  },
};

/** The size is looked at first, so that a wrong name does not read a disk image into memory. */
async function readModule(file: string): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: number;
  try {
    ({ size: bytes } = await stat(file));
    if (bytes <= moduleBytesMax) return new Uint8Array(await readFile(file));
  } catch (error) {
    throw failureError(`cannot read ${file}: ${describeError(error)}`, [], error);
  }
  throw refusedError(`${file} holds ${thousands(bytes)} bytes`, [
    `a module has at most ${thousands(moduleBytesMax)}`,
  ]);
}
