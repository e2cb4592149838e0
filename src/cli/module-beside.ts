/** A module's file or OCI layout, and what lies beside it and goes with it: a signature (FILE.sig) and cases (own.wasm has own.cases.json). */
import { stat } from 'node:fs/promises';
import { failureError } from '#cli/cli-error.ts';
import type { CommandContext, CommandOption } from '#cli/command.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { type Printer, printable } from '#cli/printer.ts';
import { readBounded } from '#cli/read-bounded.ts';
import { ociPrefix } from '#config/file-names.ts';
import { WeirError } from '#core/errors.ts';
import {
  caseBytesMax,
  casesSuffix,
  moduleBytesMax,
  signatureBytesMax,
  signatureSuffix,
  sourceMapBytesMax,
  sourceMapSuffix,
} from '#core/module-files.ts';
import { type ModuleSignature, parseModuleSignature } from '#core/module-signature.ts';

export const besideOptions: readonly CommandOption[] = [
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
];

export type ModuleWithBeside = {
  readonly module: Uint8Array<ArrayBuffer>;
  readonly signature: ModuleSignature | null;
  readonly cases: string | null;
  /** What lies beside it as FILE.map, or is a layer beside it. */
  readonly sourceMap: string | null;
};

export async function readModule(
  file: string,
  { given, print }: CommandContext,
): Promise<ModuleWithBeside> {
  if (file.startsWith(ociPrefix)) return readLayout(file, given, print);
  const module = await readBounded(file, moduleBytesMax, 'a module');
  if (module.length === 0) throw failureError(`${file} is empty: copy or build it anew`);
  return {
    module,
    signature: await readSignature(given.text('signature'), file),
    cases: await readCases(given.text('cases'), file),
    sourceMap: await readSourceMap(file),
  };
}

async function readLayout(
  source: string,
  given: ParsedArguments,
  print: Printer,
): Promise<ModuleWithBeside> {
  const { readLayoutModule } = await import('#toolchain/layout-module.ts');
  const found = await readLayoutModule(source, process.cwd());
  const { bytes, signature, cases, sourceMap, sourceMapFault } = found;
  if (sourceMapFault !== null)
    print.errorLine(`goes without its source map: ${printable(sourceMapFault)}`);
  const [namedSignature, namedCases] = [given.text('signature'), given.text('cases')];
  return {
    module: new Uint8Array(bytes),
    signature: namedSignature === null ? signature : await readSignature(namedSignature, source),
    cases: namedCases === null ? cases : await readCases(namedCases, source),
    sourceMap,
  };
}

/** As the API of a node and that of an orchestrator take it. */
export const moduleBody = ({ module, signature, cases, sourceMap }: ModuleWithBeside): object => ({
  module: Buffer.from(module).toString('base64'),
  ...(signature === null ? {} : { signature }),
  ...(cases === null ? {} : { cases }),
  ...(sourceMap === null ? {} : { sourceMap }),
});

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

async function readSourceMap(file: string): Promise<string | null> {
  const path = `${file}${sourceMapSuffix}`;
  if (!(await exists(path))) return null;
  return Buffer.from(await readBounded(path, sourceMapBytesMax, 'a source map')).toString('utf8');
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
