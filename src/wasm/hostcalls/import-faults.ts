/**
 * Whether a module imports only what is there and what it was granted: by name, kind and type, before it
 * is instantiated, each with the fix.
 */
import { nearestName } from '#core/nearest-name.ts';
import { abortImport } from '../imports.ts';
import { hostCalls, hostModule, isGranted } from './host-calls.ts';

export type ImportedItem = {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
  /** `(i32,i32)->i32`; absent where it is not known. */
  readonly type?: string | null;
};

const known = hostCalls();

export const abortSignature = '(i32,i32,i32,i32)->()';

export function findImportFaults(
  imports: readonly ImportedItem[],
  grants: readonly string[],
): readonly string[] {
  return imports.flatMap((item) => faultOf(item, grants) ?? []);
}

function faultOf(item: ImportedItem, grants: readonly string[]): string | null {
  const { module, name, kind } = item;
  const full = `${module}.${name}`;
  const isAbort = module === abortImport.module && name === abortImport.name;
  if ((module !== hostModule && !isAbort) || kind !== 'function')
    return `imports ${kind} ${full}: only the function env.abort and the host calls of ${hostModule} may be imported`;
  if (isAbort) return typeFault(item, abortSignature);
  const call = known.find((each) => each.name === name);
  if (call === undefined) {
    const near = nearestName(
      name,
      known.map((each) => each.name),
    );
    const meant = near === null ? '' : ` (${near} is one)`;
    return `imports ${full}, which is no host call of this Weir${meant}: see wasm-rules/abi.md, "Host calls"`;
  }
  if (!isGranted(call, grants)) return ungranted(full, call.grants);
  return typeFault(item, call.signature);
}

function typeFault({ module, name, type }: ImportedItem, signature: string): string | null {
  if (type === undefined || type === null || type === signature) return null;
  return `imports ${module}.${name} as ${type}: it is ${signature}`;
}

/** The scope of values is an argument, so which grant it takes shows in the call. */
function ungranted(full: string, needed: readonly string[]): string {
  const [first = '', ...others] = needed.map((grant) => `[${grant}]`);
  const last = others.pop();
  if (last === undefined) return `imports ${full}, which needs a grant: add grants: ${first}`;
  const list = `${[first, ...others].join(', ')} or ${last}`;
  return `imports ${full}, each scope of which needs a grant: add grants: ${list}`;
}
