/** New keys for challenges and passes when they are due, the same for all workers. */
import { wallMs } from '#core/clock.ts';
import { describeError } from '#core/errors.ts';
import { type ChallengeKeys, readChallengeKeys } from '#state/challenge-keys.ts';
import type { Logger } from '#telemetry/log.ts';
import type { Supervisor } from './supervisor.ts';

const part = 'challenge keys';
/** After a failure, and at least between two looks at the file. */
export const againMs = 60_000;

export function rotateChallengeKeys(
  first: ChallengeKeys,
  directory: string,
  supervisor: Supervisor,
  log: Logger,
): { close(): void } {
  let timer: NodeJS.Timeout;
  const wait = (nextAtMs: number): void => {
    timer = setTimeout(
      () => {
        void renewChallengeKeys(directory, supervisor, log, wallMs()).then(wait);
      },
      Math.max(againMs, nextAtMs - wallMs()),
    );
    timer.unref();
  };
  wait(first.nextAtMs);
  return { close: () => clearTimeout(timer) };
}

/** When to look again. A failure leaves the old keys signing, and stands in the status until it is over. */
export async function renewChallengeKeys(
  directory: string,
  supervisor: Pick<Supervisor, 'changeChallengeKeys' | 'setDegraded'>,
  log: Logger,
  nowMs: number,
): Promise<number> {
  try {
    const { keys, nextAtMs } = await readChallengeKeys(directory, nowMs);
    const workers = await supervisor.changeChallengeKeys(keys);
    supervisor.setDegraded(part, null);
    log.info({ workers }, 'challenge keys changed');
    return nextAtMs;
  } catch (error) {
    supervisor.setDegraded(part, describeError(error));
    return nowMs + againMs;
  }
}
