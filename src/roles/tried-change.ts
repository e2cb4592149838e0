/**
 * A change goes live as its gate has replayed it, or not at all: against the generation it was compared with, with the
 * configuration and the modules that were tried, by hash. It is asked inside the change, where nothing else comes between.
 */
import type { Tried } from '#admin/replay-control.ts';
import { WeirError } from '#core/errors.ts';

export function checkGeneration(tried: Tried | null, generation: number): void {
  if (tried !== null && tried.generation !== generation)
    throw changed(`something else went live (generation ${generation})`);
}

export function checkConfigTried(tried: Tried | null, sha256: string): void {
  if (tried !== null && tried.configSha256 !== sha256) throw changed('the configuration changed');
}

export function checkModulesTried(
  tried: Tried | null,
  modules: readonly { readonly name: string; readonly sha256: string }[],
): void {
  if (tried === null) return;
  const other = modules.find(({ name, sha256 }) => tried.modules.get(name) !== sha256);
  if (other !== undefined) throw changed(`module ${other.name} changed`);
}

const changed = (what: string): WeirError =>
  new WeirError(
    'REPLAY_REFUSED',
    `${what} while the recording was replayed, so what was tried is not what would go live; nothing was changed; say it again`,
  );
