/**
 * One request through live rules in a thread of its own, which has a deadline: what each of them found and what comes of
 * it, without sending it anywhere. Counts and token buckets begin empty, as in a replay (`rule-side.ts`).
 */
import { doApart } from './apart.ts';
import type { AskedRequest, FromInspection, Inspected, InspectJob } from './inspect-thread.ts';
import type { SideSource } from './rule-side.ts';

export const inspectMsMax = 30_000;
const heapMegabytesMax = 512;

/** Throws MODULE_INVALID, REPLAY_FAILED. */
export async function inspectApart(
  live: SideSource,
  request: AskedRequest,
  deadlineMs: number = inspectMsMax,
): Promise<Inspected> {
  const job: InspectJob = { live, request };
  const { inspected } = await doApart<FromInspection>(
    new URL('./inspect-thread.ts', import.meta.url),
    job,
    {
      name: 'the rules',
      deadlineMs,
      pastDeadline: `the rules were not done with it within ${deadlineMs / 1_000} s`,
      heapMegabytesMax,
    },
  );
  return inspected;
}
