/**
 * What a reload has changed, and one that was refused.
 *
 * A configuration that was refused is said where people look: in the log, with every problem, and in the
 * status until one is taken, as the node then runs something else than its file says.
 */
import { describeError, WeirError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';

/** What status calls it. */
const part = 'configuration file';
/** Problems named in the log line; the command that asked shows all. */
const detailsMax = 20;

export type ReloadSayer = {
  readonly log: Logger;
  readonly supervisor: { setDegraded(part: string, reason: string | null): void };
};

/** Throws what `reload` throws. */
export async function saidOfReload<T>(
  reload: () => Promise<T>,
  { log, supervisor }: ReloadSayer,
): Promise<T> {
  try {
    const answer = await reload();
    supervisor.setDegraded(part, null);
    return answer;
  } catch (error) {
    const reason = describeError(error);
    const details = error instanceof WeirError ? error.details.slice(0, detailsMax) : [];
    log.error({ reason, details }, 'reload refused, what was live stays');
    supervisor.setDegraded(part, `refused, and what was live before stays: ${reason}`);
    throw error;
  }
}

/** Paths of values that changed, and modules that are new though no value is: what they are made from has changed on the disk. */
export function withFreshModules(
  changed: readonly string[],
  fresh: readonly { readonly name: string }[],
): string[] {
  const files = fresh
    .map(({ name }) => `waf.rules.${name}`)
    .filter((path) => !changed.some((one) => one === path || one.startsWith(`${path}.`)));
  return [...changed, ...files.map((path) => `${path} (its files)`)];
}
