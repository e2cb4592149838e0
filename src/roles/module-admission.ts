/**
 * What bytes have to pass before a worker sees them, wherever they come from:
 *
 * ```
 * hash ─► signature ─► sequence ─► shape, start, sample requests (a thread with a deadline) ─► the module's own cases
 * ```
 *
 * The signature comes first: a compiler is a large thing to hand a stranger's bytes to.
 */
import type { Config } from '#config/schema.ts';
import { readPublicKey } from '#config/signature-keys.ts';
import { wallMs } from '#core/clock.ts';
import { describeError, WeirError } from '#core/errors.ts';
import {
  checkModuleSignature,
  checkSequence,
  type ModuleSignature,
  type SignaturePolicy,
  type Signed,
} from '#core/module-signature.ts';
import type { ModuleOrigin } from '#state/module-database.ts';
import type { ModuleStore, NewVersion } from '#state/module-store.ts';
import { findFailurePlace, withPlace } from '#toolchain/failure-place.ts';
import { guestLimits } from '#wasm/guest-limits.ts';
import { type ModuleFault, validateModule } from '#wasm/validate.ts';
import { oneLine } from './module-status.ts';
import type { ModuleSettings } from './snapshot-source.ts';

export type ModuleCandidate = {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly isBuiltin: boolean;
  readonly signature: ModuleSignature | null;
  /** Text of the cases that came with it. */
  readonly cases: string | null;
};

/** What a node asks of bytes before they are looked into. */
export type AdmissionPolicy = SignaturePolicy & {
  /** The one hash a module may have, by its name. */
  readonly pins: ReadonlyMap<string, string>;
};

export type TriedModule = Pick<ModuleCandidate, 'name' | 'sha256' | 'bytes' | 'cases'> & {
  readonly settings: ModuleSettings;
  /** Text of its source map, so that what fails is told by file and line. */
  readonly sourceMap: string | null;
};

export async function signaturePolicy(config: Config): Promise<AdmissionPolicy> {
  const { required, keys } = config.waf.signatures;
  const pins = new Map<string, string>();
  for (const [name, { sha256 }] of Object.entries(config.waf.rules))
    if (sha256 !== undefined) pins.set(name, sha256);
  return {
    pins,
    isRequired: required,
    keys: await Promise.all(
      keys.map(async ({ name, publicKey }) => ({
        name,
        publicKey: await readPublicKey(publicKey),
      })),
    ),
  };
}

/** Null where it is not signed and need not be. Throws MODULE_HASH_REFUSED, MODULE_SIGNATURE_REFUSED. */
export function checkSigned(
  candidate: Pick<ModuleCandidate, 'name' | 'sha256' | 'isBuiltin' | 'signature'>,
  policy: AdmissionPolicy,
): Signed | null {
  const { name, sha256 } = candidate;
  const pinned = policy.pins.get(name);
  if (pinned !== undefined && pinned !== sha256) {
    throw new WeirError(
      'MODULE_HASH_REFUSED',
      `module ${name} has the hash ${sha256}, and waf.rules.${name}.sha256 asks for ${pinned}`,
    );
  }
  return candidate.isBuiltin ? null : checkModuleSignature(policy, candidate, candidate.signature);
}

/** As `checkSigned`, and that nothing newer was live before. */
export function checkSignedAnew(
  candidate: Pick<ModuleCandidate, 'name' | 'sha256' | 'isBuiltin' | 'signature'>,
  policy: AdmissionPolicy,
  store: ModuleStore,
): Signed | null {
  const signed = checkSigned(candidate, policy);
  if (signed !== null)
    checkSequence(candidate.name, signed, store.head(candidate.name)?.newestSequence ?? null);
  return signed;
}

/** Runs it and its cases, in a thread of its own. Throws MODULE_INVALID. */
export async function tryModule(
  { settings, name, sha256, bytes, cases, sourceMap }: TriedModule,
  config: Config,
): Promise<void> {
  const source = { ...settings, name, sha256, bytes };
  const tell = async ({ text, offsets }: ModuleFault) =>
    withPlace(text, await findFailurePlace({ module: source, sourceMap, offsets }));
  await validateModule(source, guestLimits(config), { cases, tell });
}

/** What says something of the bytes, and not of the node. */
const refusals: ReadonlySet<string> = new Set([
  'MODULE_INVALID',
  'MODULE_HASH_REFUSED',
  'MODULE_SIGNATURE_REFUSED',
  'MODULE_TRIAL_FAILED',
]);

/** In the history, unless it was bad luck: a node that is ending has nothing against the bytes. */
export function noteRefused(
  store: ModuleStore,
  module: VersionBytes,
  origin: ModuleOrigin,
  source: string,
  error: unknown,
): void {
  if (error instanceof WeirError && refusals.has(error.code))
    store.addFailed(newVersion(module, origin, source, null), oneLine(describeError(error)));
}

type VersionBytes = {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
};

export function newVersion(
  module: VersionBytes,
  origin: ModuleOrigin,
  source: string,
  signed: Signed | null,
): NewVersion {
  const { name, sha256, bytes } = module;
  return {
    name,
    sha256,
    bytes: bytes.length,
    origin,
    source,
    loadedAtMs: wallMs(),
    keyName: signed?.keyName ?? null,
    sequence: signed?.sequence ?? null,
    signature: signed?.signature ?? null,
  };
}
