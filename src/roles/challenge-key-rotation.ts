/** New keys for challenges and passes when they are due, the same for all workers. */
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { type ChallengeKeys, readChallengeKeys } from '#state/challenge-keys.ts';
import type { Logger } from '#telemetry/log.ts';
import type { Supervisor } from './supervisor.ts';

const part = 'challenge keys';
/** After a failure, and at least between two looks at the file. */
const againMs = 60_000;

export function rotateChallengeKeys(
  first: ChallengeKeys,
  directory: string,
  supervisor: Supervisor,
  log: Logger,
): { close(): void } {
  let timer: NodeJS.Timeout;
  const wait = (nextAtMs: number): void => {
    timer = setTimeout(() => void rotate(), Math.max(againMs, nextAtMs - wallMs()));
    timer.unref();
  };
  const rotate = async (): Promise<void> => {
    let nextAtMs = 0;
    try {
      const next = await readChallengeKeys(directory, wallMs());
      const workers = await supervisor.changeChallengeKeys(next.keys);
      nextAtMs = next.nextAtMs;
      supervisor.setDegraded(part, null);
      log.info({ workers }, 'challenge keys changed');
    } catch (error) {
      // The old ones go on signing.
      supervisor.setDegraded(part, describeError(error));
    }
    wait(nextAtMs);
  };
  wait(first.nextAtMs);
  return { close: () => clearTimeout(timer) };
}
