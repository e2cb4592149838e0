/** One request's way through a SecLang rule set (`seclang-filter.ts`). */
import type { Decompressed } from '#core/decompressor.ts';
import type { Transaction } from '#waf/transaction.ts';
import { type Finding, matchedBytesMax, type Stop } from '#waf/verdict.ts';
import { overlapBytesMax } from '../abi.ts';
import { type BodyWindow, type FilterRun, type LogRecord, phase } from '../filter.ts';
import { answerBody } from './answer-body.ts';
import { BodyStretches } from './body-stretches.ts';
import { matchFlag, run, stopKind } from './call-frame.ts';
import { CodedStream, codingsField, decodeBeginning, decodeBody } from './coded-body.ts';
import type { BodyBytes, Decision, EngineAnswer, EngineCall } from './engine-instance.ts';
import type { RuleSetFacts } from './rule-set-facts.ts';
import { modeOf, type RuleTerms } from './rule-terms.ts';
import type { ShownTypes } from './shown-types.ts';

/** Gets the matches of a call before its answer goes anywhere. */
export type OnMatches = (
  transaction: Transaction,
  facts: RuleSetFacts,
  answer: EngineAnswer,
) => void;

export type Answered = EngineAnswer | { readonly failed: Stop | null };

/** The rule set that a run is of. */
export interface RunHost {
  readonly name: string;
  readonly phases: number;
  /** What the engine takes of a body in one call. */
  readonly bodyBytesMax: number;
  readonly facts: RuleSetFacts;
  readonly onMatches: OnMatches;
  readonly shownTypes: ShownTypes;
  /** The engine's answer, or what the policy says of its failure. */
  call(call: EngineCall): Answered;
}

/** What comes of a window of a coded body is at most this many long: what expands beyond that is a bomb. */
const decodedWindowsMax = 8;
/** Of one that goes on behind the window, over all of it: for each byte so many, beside the windows above. */
const expansionMax = 64;

export class SeclangRun implements FilterRun {
  readonly #filter: RunHost;
  readonly #transaction: Transaction;
  readonly #terms: RuleTerms;
  /** What the phase before left; null before the first one and after the last. */
  #state: Buffer | null = null;
  #isRequestDone = false;
  /** For what comes behind the first window; null until then. */
  #stretches: BodyStretches | null = null;
  /** For a coded body that goes on behind the first window, with the end of what was decoded so far. */
  #coded: { readonly stream: CodedStream; tail: Buffer; leftBytes: number } | null = null;
  /** Phase 5 has run. */
  #isOver = false;
  #looksAtBody = false;
  /** The answer of the last call was a challenge: its phase 5 has run. */
  #isChallenged = false;

  constructor(filter: RunHost, transaction: Transaction, terms: RuleTerms) {
    this.#filter = filter;
    this.#terms = terms;
    this.#transaction = transaction;
  }

  /** Rules of phase 1 wait for the body, and those of phase 3 for the answer's. */
  defers(bit: number, endOfStream: boolean): boolean {
    if (bit === phase.requestHead)
      return (
        !endOfStream &&
        this.#transaction.request.refusal === 0 &&
        (this.#filter.phases & phase.requestBody) !== 0
      );
    if (bit !== phase.responseHead) return false;
    const isLeft = !this.#isOver && this.#isRequestDone;
    this.#looksAtBody = isLeft && !endOfStream && this.#showsBody();
    return this.#looksAtBody || !isLeft;
  }

  requestHead(endOfStream: boolean): Stop | null {
    return this.defers(phase.requestHead, endOfStream) ? null : this.#request(null);
  }

  /** The first window of a body; each one behind it is a body of its own. */
  requestBody(window: BodyWindow): Stop | null {
    if (this.#isRequestDone) {
      if (window.isFirst) return null;
      return this.#coded === null ? this.#stretch(window.bytes) : this.#codedStretch(window);
    }
    const codings = codingsField(this.#transaction.request);
    if (codings !== '') return this.#codedBody(codings, window);
    return this.#firstOf(window.bytes, window.isWhole);
  }

  responseHead(endOfStream: boolean): Stop | null {
    return this.defers(phase.responseHead, endOfStream)
      ? null
      : this.#call(run.response, null, null);
  }

  responseBody(window: BodyWindow): Stop | null {
    const { response } = this.#transaction;
    if (this.#isOver || !this.#looksAtBody || response === null) return null;
    const body = answerBody(response, window, this.#filter.bodyBytesMax);
    return body === null ? null : this.#call(run.response, null, body);
  }

  /** Whether a response is held back so that its body can be looked at. */
  wants(bit: number): boolean {
    return bit !== phase.buffersResponse && bit !== phase.responseBody ? true : this.#looksAtBody;
  }

  log(_record: LogRecord): void {
    if (this.#isOver || !this.#isRequestDone || this.#isChallenged) return;
    this.#call(run.logging, null, null);
  }

  end(): void {
    this.#state = null;
    this.#endCoded();
  }

  #request(body: BodyBytes | null): Stop | null {
    this.#isRequestDone = true;
    return this.#call(run.request, body, null);
  }

  #firstOf(bytes: Buffer, isWhole: boolean): Stop | null {
    if (isWhole) return this.#request({ bytes, isWhole });
    this.#stretches = new BodyStretches(this.#transaction, bytes);
    return this.#request({ bytes: this.#stretches.closed(bytes), isWhole });
  }

  /** What comes behind has points and answers of its own; phases of the answer go on from the first window. */
  #stretch(bytes: Buffer): Stop | null {
    const stretch = this.#isOver ? null : (this.#stretches?.next(bytes) ?? null);
    if (stretch === null) return null;
    const state = this.#state;
    this.#state = null;
    const stop = this.#call(run.request, { bytes: stretch, isWhole: false, isText: true }, null);
    this.#state = state;
    return stop;
  }

  /** Rules see what the origin will make of it, or the request is refused. */
  #codedBody(codings: string, { bytes, isWhole, restPasses = false }: BodyWindow): Stop | null {
    const { bodyBytesMax } = this.#filter;
    const bytesMax = bodyBytesMax * decodedWindowsMax;
    let decoded: Decompressed;
    if (isWhole) decoded = decodeBody(codings, bytes, bytesMax);
    else if (restPasses) decoded = decodeBeginning(codings, bytes, bytesMax);
    else {
      const stream = CodedStream.of(codings, 'lasting');
      decoded = stream?.push(bytes, bytesMax) ?? 'unreadable';
      const leftBytes = bytesMax + bytes.length * expansionMax;
      this.#coded = stream === null ? null : { stream, tail: noBytes, leftBytes };
    }
    if (typeof decoded === 'string') return this.#refuseCoded(decoded);
    this.#keepTail(decoded, decoded);
    const first = decoded.subarray(0, bodyBytesMax);
    const stop = this.#firstOf(first, isWhole && first.length === decoded.length);
    return stop ?? this.#stretchesOf(decoded, bodyBytesMax - overlapBytesMax);
  }

  /** A further window of a coded body; the first of its bytes were in the one before. */
  #codedStretch({ bytes, overlap, isLast }: BodyWindow): Stop | null {
    const coded = this.#coded;
    if (coded === null || this.#isOver) return null;
    const { stream, tail } = coded;
    const fresh = bytes.subarray(overlap);
    coded.leftBytes += fresh.length * expansionMax;
    const windowsBytes = this.#filter.bodyBytesMax * decodedWindowsMax;
    const decoded = stream.push(fresh, Math.min(coded.leftBytes, windowsBytes));
    if (typeof decoded === 'string') return this.#refuseCoded(decoded);
    if (isLast && !stream.isWhole()) return this.#refuseCoded('unreadable');
    const shown = Buffer.concat([tail, decoded]);
    this.#keepTail(decoded, shown);
    return decoded.length === 0 ? null : this.#stretchesOf(shown, 0);
  }

  /** What is decoded from there on, each stretch with the end of the one before. */
  #stretchesOf(decoded: Buffer, from: number): Stop | null {
    const { bodyBytesMax } = this.#filter;
    const step = bodyBytesMax - overlapBytesMax;
    let found: Stop | null = null;
    for (let at = from; found === null; at += step) {
      // Behind the first there is nothing but the end of the one before.
      if (at > 0 && at + overlapBytesMax >= decoded.length) break;
      found = this.#stretch(decoded.subarray(at, at + bodyBytesMax));
    }
    return found;
  }

  #keepTail(decoded: Buffer, shown: Buffer): void {
    const coded = this.#coded;
    if (coded === null) return;
    coded.leftBytes -= decoded.length;
    coded.tail = tailOf(shown);
  }

  #endCoded(): void {
    this.#coded?.stream[Symbol.dispose]();
    this.#coded = null;
  }

  #refuseCoded(why: 'too-long' | 'unreadable'): Stop {
    this.#endCoded();
    return why === 'unreadable'
      ? this.#refuse(415, 'a body whose Content-Encoding cannot be read')
      : this.#refuse(413, 'a body with a Content-Encoding longer than rules look at');
  }

  #refuse(status: number, reason: string): Stop {
    this.#isRequestDone = true;
    this.#isOver = true;
    const rule = `${this.#filter.name}/content-encoding`;
    const matched = codingsField(this.#transaction.request).slice(0, matchedBytesMax);
    return {
      kind: 'block',
      status,
      rule,
      reason,
      target: 'REQUEST_HEADERS:Content-Encoding',
      matched,
      matches: [],
    };
  }

  #call(
    phases: number,
    requestBody: BodyBytes | null,
    responseBody: BodyBytes | null,
  ): Stop | null {
    const transaction = this.#transaction;
    const call: EngineCall = {
      run: phases,
      transaction,
      enforces: !transaction.isMonitored,
      requestBody,
      responseBody,
      state: this.#state,
      terms: this.#terms,
    };
    const answer = this.#filter.call(call);
    if ('failed' in answer) {
      this.#isOver = true;
      return answer.failed;
    }
    if (answer.matches.length > 0) this.#note(this.#stretches?.withoutNoted(answer) ?? answer);
    const without = answer.stop === stopKind.none ? null : this.#withoutChallenged(call);
    this.#isChallenged = without !== null && without.stop === stopKind.none;
    if (this.#isChallenged) return { ...this.#finding(answer, answer), kind: 'challenge' };
    this.#state = answer.state;
    this.#isOver = (phases & run.logging) !== 0 || answer.stop !== stopKind.none;
    if (answer.stop !== stopKind.none) return this.#stop(without ?? answer, without ?? answer);
    // On a route that only watches: what would have been decided is the verdict, and is not enforced.
    return transaction.isMonitored && answer.noted.stop !== stopKind.none
      ? this.#stop(answer, answer.noted)
      : null;
  }

  /**
   * What a request that is stopped would be without the rules that challenge; null where there are none. One that they
   * alone stop goes on from here, if the client shows a pass, as if they had found nothing.
   */
  #withoutChallenged(call: EngineCall): EngineAnswer | null {
    const { withoutChallenged } = this.#terms;
    if (withoutChallenged === null) return null;
    const answer = this.#filter.call({
      ...call,
      terms: { ...call.terms, monitored: withoutChallenged },
    });
    if ('failed' in answer) return null;
    this.#state = answer.state;
    this.#isOver = (call.run & run.logging) !== 0;
    return answer;
  }

  #note(answer: EngineAnswer): void {
    const { facts } = this.#filter;
    const transaction = this.#transaction;
    this.#filter.onMatches(transaction, facts, answer);
    transaction.addUnlisted(answer.unlisted);
    for (const match of answer.matches) {
      const rule = facts.rules[match.rule];
      if (rule === undefined || (match.flags & (matchFlag.logged | matchFlag.monitored)) === 0)
        continue;
      transaction.addMatch({
        rule: this.#nameOf(match.rule),
        message: match.message || rule.message,
        severity: rule.severity,
        tags: [...rule.tags, ...match.tags],
        target: match.name,
        matched: match.value.slice(0, matchedBytesMax),
        points: rule.points,
        mode: transaction.isMonitored ? 'monitor' : modeOf(this.#terms, match.rule),
      });
    }
    // What a rule that only watches would have decided, where others block.
    const { noted } = answer;
    const isWatching = answer.matches.some(
      ({ rule, flags }) => rule === noted.rule && (flags & matchFlag.monitored) !== 0,
    );
    if (isWatching && noted.stop !== stopKind.none)
      transaction.noteStop(this.#stop(answer, noted), 'monitor');
  }

  #nameOf(rule: number): string {
    const { facts, name } = this.#filter;
    return `${name}/${facts.rules[rule]?.id ?? 0}`;
  }

  /** Rules that only watch have no part in a decision. */
  #finding(answer: EngineAnswer, decision: Decision): Finding {
    const fact = this.#filter.facts.rules[decision.rule];
    const match = answer.matches.find(({ rule }) => rule === decision.rule);
    return {
      rule: this.#nameOf(decision.rule),
      reason: match?.message || fact?.message || 'stopped by a rule without a message',
      target: match?.name ?? '',
      matched: (match?.value ?? '').slice(0, matchedBytesMax),
      matches: answer.matches
        .filter(
          ({ flags }) => (flags & (matchFlag.logged | matchFlag.monitored)) === matchFlag.logged,
        )
        .map(({ rule }) => this.#nameOf(rule)),
    };
  }

  #stop(answer: EngineAnswer, decision: Decision): Stop {
    const finding = this.#finding(answer, decision);
    if (decision.stop === stopKind.redirect)
      return {
        kind: 'answer',
        status: decision.status,
        fields: [['location', answer.location.replaceAll(/[^\x20-\x7e]/g, '')]],
        body: Buffer.alloc(0),
        ...finding,
      };
    return { kind: 'block', status: decision.status === 0 ? 403 : decision.status, ...finding };
  }

  #showsBody(): boolean {
    const { response } = this.#transaction;
    return response !== null && this.#filter.shownTypes.has(response);
  }
}

const noBytes = Buffer.alloc(0);

/** A copy, as what it is of may be large. */
const tailOf = (decoded: Buffer): Buffer =>
  Buffer.from(decoded.subarray(Math.max(0, decoded.length - overlapBytesMax)));
