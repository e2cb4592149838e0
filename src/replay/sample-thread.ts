/**
 * The inside of `sampler.ts`: masks what is recorded, and runs what is sampled through the live rules and a candidate,
 * in a thread beside the one that serves.
 *
 * A candidate that keeps failing is switched off here (`#wasm/guarded-filter.ts`), and nothing else is.
 */
import { parentPort } from 'node:worker_threads';
import { assert } from '#core/assert.ts';
import { describeError } from '#core/errors.ts';
import { type Difference, DifferenceSum } from './difference.ts';
import { SecretFiller } from './fill-secret.ts';
import { maskRequest } from './mask-request.ts';
import { cutAnswer, encodeRequest, type RecordedRequest } from './recorded-request.ts';
import { lineOf } from './request-line.ts';
import { RuleSide, type SideSource } from './rule-side.ts';

export type ShadowOrder = {
  readonly name: string;
  /** Of this order among those of the name: what is said of an older one counts for nothing. */
  readonly revision: number;
  readonly sharePercent: number;
  readonly live: SideSource;
  readonly candidate: SideSource;
};

export type ToSampler =
  | { readonly kind: 'shadow'; readonly order: ShadowOrder }
  | { readonly kind: 'unshadow'; readonly name: string }
  | {
      readonly kind: 'request';
      readonly request: RecordedRequest;
      readonly isRecorded: boolean;
      /** Of the answer's body a recording holds so much; what is more is for shadows alone. */
      readonly answerBytesMax: number;
      readonly shadows: readonly string[];
    }
  /** Answered with `flushed` when all that came before is dealt with. */
  | { readonly kind: 'flush'; readonly recording: string };

export type ShadowReport = {
  readonly name: string;
  readonly revision: number;
  readonly difference: Difference;
  /** Why it does not run; null while it does. */
  readonly off: string | null;
};

export type FromSampler =
  | { readonly kind: 'done'; readonly payload: Uint8Array | null }
  | { readonly kind: 'shadow'; readonly report: ShadowReport }
  | { readonly kind: 'flushed'; readonly recording: string };

/** Of each kind of change, of each worker. */
const examplesMax = 20;
const reportMs = 1_000;

const port = parentPort;
assert(port !== null, 'runs as a worker thread only');
const send = (message: FromSampler): void => port.postMessage(message);

class Shadow {
  readonly #order: ShadowOrder;
  readonly #sum = new DifferenceSum(examplesMax);
  #sides: readonly [live: RuleSide, candidate: RuleSide] | null = null;
  #off: string | null = null;
  #isNew = true;

  constructor(order: ShadowOrder) {
    this.#order = order;
  }

  async open(): Promise<void> {
    const { live, candidate, name } = this.#order;
    try {
      const side = (source: SideSource, which: 'live' | 'candidate') =>
        RuleSide.create(source, {
          onFailure: (module, message, isQuarantine) => {
            this.#sum.noteFailure(which, message);
            this.#isNew = true;
            if (which === 'candidate' && isQuarantine && module === name)
              this.#off = `in quarantine: ${message}`;
          },
        });
      const [before, after] = [await side(live, 'live'), await side(candidate, 'candidate')];
      this.#sum.noteRulesOnAnswers(before.rulesOnAnswers, after.rulesOnAnswers);
      this.#sides = [before, after];
    } catch (error) {
      this.#off = describeError(error);
    }
  }

  async run(request: RecordedRequest): Promise<void> {
    if (this.#sides === null || this.#off !== null) return;
    const [live, candidate] = this.#sides;
    const before = await live.run(request);
    const after = await candidate.run(request);
    this.#isNew = true;
    const line = () => lineOf(maskRequest(request, filler));
    // What matched came from a client a moment ago.
    this.#sum.add(line, before && { ...before, matched: '' }, after && { ...after, matched: '' });
  }

  report(): void {
    if (!this.#isNew) return;
    this.#isNew = false;
    const { name, revision } = this.#order;
    const report = { name, revision, difference: this.#sum.sum(), off: this.#off };
    send({ kind: 'shadow', report });
  }

  close(): void {
    for (const side of this.#sides ?? []) side.close();
  }
}

const filler = new SecretFiller();
const shadows = new Map<string, Shadow>();

async function handle(message: ToSampler): Promise<void> {
  switch (message.kind) {
    case 'shadow': {
      const { order } = message;
      shadows.get(order.name)?.close();
      const shadow = new Shadow(order);
      shadows.set(order.name, shadow);
      await shadow.open();
      shadow.report();
      return;
    }
    case 'unshadow':
      shadows.get(message.name)?.close();
      shadows.delete(message.name);
      return;
    case 'request': {
      const request = buffersOf(message.request);
      for (const name of message.shadows) await shadows.get(name)?.run(request);
      const recorded = message.isRecorded ? cutAnswer(request, message.answerBytesMax) : null;
      const payload = recorded === null ? null : encodeRequest(maskRequest(recorded, filler));
      send({ kind: 'done', payload });
      return;
    }
    case 'flush':
      for (const shadow of shadows.values()) shadow.report();
      send({ kind: 'flushed', recording: message.recording });
  }
}

/** What travels between threads comes as plain bytes. */
function buffersOf(request: RecordedRequest): RecordedRequest {
  const { head, bytes, responseHead, answerBytes } = request;
  const buffer = (of: Uint8Array) => Buffer.from(of.buffer, of.byteOffset, of.byteLength);
  return {
    ...{ ...request, head: buffer(head), bytes: buffer(bytes) },
    responseHead: responseHead === null ? null : buffer(responseHead),
    ...(answerBytes && { answerBytes: buffer(answerBytes) }),
  };
}

// One after another: a request is run by what was ordered before it.
let queue = Promise.resolve();
port.on('message', (message: ToSampler) => {
  queue = queue.then(() => handle(message));
});
setInterval(() => {
  for (const shadow of shadows.values()) shadow.report();
}, reportMs).unref();
