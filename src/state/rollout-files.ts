/**
 * What a node keeps of its fleet's rules, so that it starts with them though there is no bus:
 *
 * ```
 * rollout/              0700
 *   node.json           the set that was taken last, as it was signed; what came of it; the policies that are live
 *   SHA256.blob         bytes by their hash
 *   RULE-SHA256.wasm    a module that a policy brought along, with .wasm.sig, .wasm.map and .cases.json beside it
 * ```
 *
 * One file has everything that has to agree, and is replaced as a whole.
 */
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { WeirError } from '#core/errors.ts';
import { makePrivateFolder, writePrivateFile } from './private-file.ts';

export const rolloutFolder = 'rollout';
const stateFile = 'node.json';
const modulePattern =
  /^[a-z0-9][a-z0-9_-]{0,62}-[0-9a-f]{64}\.(?:wasm(?:\.sig|\.map)?|cases\.json)$/;

const strict = { additionalProperties: false };
const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const rolloutName = Type.String({ maxLength: 80 });
const byItem = <Schema extends TSchema>(schema: Schema) =>
  Type.Record(Type.String({ maxLength: 80 }), schema, { maxProperties: 256 });

const shape = Type.Object(
  {
    v: Type.Literal(1),
    /** Base64. */
    set: orNull(Type.String()),
    /** What the fleet gave, by `KIND/NAME`. */
    given: byItem(Type.Object({ rollout: rolloutName, sha256 }, strict)),
    /** What ran before the fleet gave anything. */
    own: byItem(sha256),
    refused: byItem(Type.Object({ rollout: rolloutName, sha256, reason: Type.String() }, strict)),
    /** Those that are live, in the order they are laid. */
    policies: Type.Array(Type.Object({ name: Type.String({ maxLength: 63 }), sha256 }, strict), {
      maxItems: 64,
    }),
  },
  strict,
);
export type RolloutState = Static<typeof shape>;

const emptyState: RolloutState = {
  v: 1,
  set: null,
  given: {},
  own: {},
  refused: {},
  policies: [],
};

export const rolloutPath = (state: string): string => join(state, rolloutFolder);

/** Throws STATE_UNUSABLE: without it an old set of rules could be played again. */
export function readRolloutState(state: string): RolloutState {
  const path = join(rolloutPath(state), stateFile);
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return emptyState;
    throw new WeirError('STATE_UNUSABLE', `${path} cannot be read`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    value = null;
  }
  if (Check(shape, value)) return value;
  throw new WeirError(
    'STATE_UNUSABLE',
    `${path} is damaged; move it away, and the node takes the rules of its fleet anew`,
  );
}

/** Durable when it resolves. */
export async function writeRolloutState(state: string, next: RolloutState): Promise<void> {
  const folder = rolloutPath(state);
  await makePrivateFolder(folder);
  await writePrivateFile(join(folder, stateFile), JSON.stringify(next));
}

export const policyModulePath = (state: string, rule: string, hash: string): string =>
  join(rolloutPath(state), `${rule}-${hash}.wasm`);

export async function writePolicyModule(
  path: string,
  bytes: Uint8Array,
  beside: {
    readonly signature: string | null;
    readonly cases: Uint8Array | null;
    readonly sourceMap: string | null;
  },
): Promise<void> {
  const { signature, cases, sourceMap } = beside;
  // What lies beside comes first: a module without its signature is another one.
  if (signature !== null) await writePrivateFile(`${path}.sig`, signature);
  if (cases !== null) await writePrivateFile(path.replace(/\.wasm$/, '.cases.json'), cases);
  if (sourceMap !== null) await writePrivateFile(`${path}.map`, sourceMap);
  await writePrivateFile(path, bytes);
}

/** Removes what policies brought that are gone; `kept` are paths of modules. */
export async function collectPolicyModules(
  state: string,
  kept: ReadonlySet<string>,
): Promise<void> {
  const folder = rolloutPath(state);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!modulePattern.test(name)) continue;
    const module = name.replace(/\.wasm\.(?:sig|map)$|\.cases\.json$/, '.wasm');
    if (!kept.has(join(folder, module))) await rm(join(folder, name), { force: true });
  }
}
