/**
 * `weir module load` — new bytes for a configured module, while requests flow. What lies beside the file goes
 * with it: a signature (FILE.sig) and cases (own.wasm has own.cases.json).
 */
import { stat } from 'node:fs/promises';
import { moduleLoadAnswer } from '#admin/module-schema.ts';
import { failureError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { moduleLiveText } from '#cli/module-words.ts';
import { readBounded } from '#cli/read-bounded.ts';
import { WeirError } from '#core/errors.ts';
import {
  caseBytesMax,
  casesSuffix,
  moduleBytesMax,
  signatureBytesMax,
  signatureSuffix,
} from '#core/module-files.ts';
import { type ModuleSignature, parseModuleSignature } from '#core/module-signature.ts';

export const moduleLoad: Command = {
  words: ['module', 'load'],
  summary: 'replace a rule module of a running node',
  positionals: ['NAME', 'FILE'],
  options: [
    {
      name: 'signature',
      kind: 'text',
      value: 'FILE',
      summary: 'what "weir module sign" made; else FILE.sig where there is one',
    },
    {
      name: 'cases',
      kind: 'text',
      value: 'FILE',
      summary: 'requests it must answer as they say; else own.cases.json beside own.wasm',
    },
    jsonOption,
    stateOption,
  ],
  examples: ['weir module load core build/core.wasm'],
  async run(context) {
    const [name, file] = [context.given.positional(0), context.given.positional(1)];
    const module = await readBounded(file, moduleBytesMax, 'a module');
    const signature = await readSignature(context.given.text('signature'), file);
    const cases = await readCases(context.given.text('cases'), file);
    const isAlone = signature === null && cases === null;
    const answer = await callDaemon(context, {
      method: 'POST',
      path: `/api/v1/modules/${encodeURIComponent(name)}`,
      answer: moduleLoadAnswer,
      ...(isAlone
        ? { wasm: module }
        : {
            json: {
              module: Buffer.from(module).toString('base64'),
              ...(signature === null ? {} : { signature }),
              ...(cases === null ? {} : { cases }),
            },
          }),
      timeoutMs: slowCallTimeoutMs,
    });
    context.print.answer(answer, () => {
      const isUnlooked = signature !== null && answer.module.signedBy === null;
      return `${moduleLiveText(answer)}${isUnlooked ? '; its signature was not looked at: waf.signatures.keys is empty' : ''}`;
    });
    return exitCodes.ok;
  },
};

async function readSignature(named: string | null, file: string): Promise<ModuleSignature | null> {
  const path = named ?? `${file}${signatureSuffix}`;
  if (named === null && !(await exists(path))) return null;
  const bytes = await readBounded(path, signatureBytesMax, 'a signature');
  try {
    return parseModuleSignature(Buffer.from(bytes).toString('utf8'), path);
  } catch (error) {
    throw error instanceof WeirError ? failureError(error.message) : error;
  }
}

async function readCases(named: string | null, file: string): Promise<string | null> {
  const path = named ?? `${file.replace(/\.wasm$/, '')}${casesSuffix}`;
  if (named === null && !(await exists(path))) return null;
  return Buffer.from(await readBounded(path, caseBytesMax, 'a file of cases')).toString('utf8');
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
