/** The inside of `replay-apart.ts`: reads a recording and runs each request through both rule sets, in a thread. */
import { doHere } from './apart.ts';
import { type Difference, DifferenceSum } from './difference.ts';
import { readRecording } from './recording-file.ts';
import { lineOf } from './request-line.ts';
import { RuleSide, type SideSource } from './rule-side.ts';

export type ReplayJob = {
  readonly file: string;
  readonly live: SideSource;
  readonly candidate: SideSource;
  readonly examplesMax: number;
  readonly requestsMax: number;
};

export type FromReplay =
  | { readonly kind: 'progress'; readonly requests: number; readonly sharePercent: number }
  | { readonly kind: 'done'; readonly difference: Difference; readonly problem: string | null };

const progressMs = 250;

await doHere<ReplayJob, FromReplay>(async (job, send) => {
  const { file, live, candidate, examplesMax, requestsMax } = job;
  const sum = new DifferenceSum(examplesMax);
  const side = (source: SideSource, name: 'live' | 'candidate') =>
    RuleSide.create(source, { onFailure: (_module, message) => sum.noteFailure(name, message) });
  const [before, after] = [await side(live, 'live'), await side(candidate, 'candidate')];
  sum.noteRulesOnAnswers(before.rulesOnAnswers, after.rulesOnAnswers);
  let requests = 0;
  let saidAt = performance.now();
  const recording = readRecording(file);
  for await (const request of recording.requests()) {
    if (requests >= requestsMax) break;
    requests++;
    const line = () => lineOf(request);
    // In turn, so that neither has its memory warmer than the other.
    if (requests % 2 === 0) {
      const first = await before.run(request);
      sum.add(line, first, await after.run(request));
    } else {
      const second = await after.run(request);
      sum.add(line, await before.run(request), second);
    }
    if (performance.now() - saidAt < progressMs) continue;
    saidAt = performance.now();
    send({ kind: 'progress', requests, sharePercent: recording.sharePercent });
  }
  before.close();
  after.close();
  return { kind: 'done', difference: sum.sum(), problem: recording.problem };
});
