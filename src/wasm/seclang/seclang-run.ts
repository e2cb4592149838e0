/** One request's way through a SecLang rule set (`seclang-filter.ts`). */
import type { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { matchedBytesMax } from '#waf/verdict.ts';
import { type BodyWindow, type FilterRun, type LogRecord, phase } from '../filter.ts';
import { matchFlag, run, stopKind } from './call-frame.ts';
import type { BodyBytes, Decision, EngineAnswer, EngineCall } from './engine-instance.ts';
import type { RuleSetFacts } from './rule-set-facts.ts';

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
  readonly facts: RuleSetFacts;
  readonly onMatches: OnMatches;
  /** The engine's answer, or what the policy says of its failure. */
  call(call: Omit<EngineCall, 'wallMs'>): Answered;
}

export class SeclangRun implements FilterRun {
  readonly #filter: RunHost;
  readonly #transaction: Transaction;
  /** What the phase before left; null before the first one and after the last. */
  #state: Buffer | null = null;
  #isRequestDone = false;
  /** Phase 5 has run. */
  #isOver = false;
  #looksAtBody = false;

  constructor(filter: RunHost, transaction: Transaction) {
    this.#filter = filter;
    this.#transaction = transaction;
  }

  requestHead(endOfStream: boolean): Stop | null {
    const waitsForBody =
      !endOfStream &&
      this.#transaction.request.refusal === 0 &&
      (this.#filter.phases & phase.requestBody) !== 0;
    return waitsForBody ? null : this.#request(null);
  }

  /** The first stretch of a body; what is behind the window is not looked at, and rules can tell. */
  requestBody(window: BodyWindow): Stop | null {
    if (this.#isRequestDone) return null;
    return this.#request({ bytes: window.bytes, isWhole: window.isWhole });
  }

  responseHead(endOfStream: boolean): Stop | null {
    if (this.#isOver || !this.#isRequestDone) return null;
    this.#looksAtBody = !endOfStream && this.#isTextual();
    return this.#looksAtBody
      ? this.#call(run.responseHead, null, null)
      : this.#call(run.responseHead | run.responseBody | run.logging, null, null);
  }

  responseBody(window: BodyWindow): Stop | null {
    if (this.#isOver || !this.#looksAtBody) return null;
    const body = { bytes: window.bytes, isWhole: window.isWhole };
    return this.#call(run.responseBody | run.logging, null, body);
  }

  /** Whether a response is held back so that its body can be looked at. */
  wants(bit: number): boolean {
    return bit !== phase.buffersResponse && bit !== phase.responseBody ? true : this.#looksAtBody;
  }

  log(_record: LogRecord): void {
    if (this.#isOver || !this.#isRequestDone) return;
    this.#call(run.logging, null, null);
  }

  end(): void {
    this.#state = null;
  }

  #request(body: BodyBytes | null): Stop | null {
    this.#isRequestDone = true;
    return this.#call(run.request, body, null);
  }

  #call(
    phases: number,
    requestBody: BodyBytes | null,
    responseBody: BodyBytes | null,
  ): Stop | null {
    const transaction = this.#transaction;
    const answer = this.#filter.call({
      run: phases,
      transaction,
      enforces: !transaction.isMonitored,
      requestBody,
      responseBody,
      state: this.#state,
    });
    if ('failed' in answer) {
      this.#isOver = true;
      return answer.failed;
    }
    this.#state = answer.state;
    this.#isOver = (phases & run.logging) !== 0 || answer.stop !== stopKind.none;
    if (answer.matches.length > 0) this.#note(answer);
    if (answer.stop !== stopKind.none) return this.#stop(answer, answer);
    // On a route that only watches: what would have been decided is the verdict, and is not enforced.
    return transaction.isMonitored && answer.noted.stop !== stopKind.none
      ? this.#stop(answer, answer.noted)
      : null;
  }

  #note(answer: EngineAnswer): void {
    const { facts, name } = this.#filter;
    const transaction = this.#transaction;
    this.#filter.onMatches(transaction, facts, answer);
    transaction.matchesUnlisted += answer.unlisted;
    for (const match of answer.matches) {
      const rule = facts.rules[match.rule];
      if (rule === undefined || (match.flags & matchFlag.logged) === 0) continue;
      transaction.addMatch({
        rule: `${name}/${rule.id}`,
        message: match.message || rule.message,
        severity: rule.severity,
        tags: [...rule.tags, ...match.tags],
        target: match.name,
        matched: match.value.slice(0, matchedBytesMax),
        mode: transaction.isMonitored ? 'monitor' : 'block',
      });
    }
  }

  #stop(answer: EngineAnswer, decision: Decision): Stop {
    const { facts, name } = this.#filter;
    const fact = facts.rules[decision.rule];
    const match = answer.matches.find(({ rule }) => rule === decision.rule);
    const finding = {
      rule: `${name}/${fact?.id ?? 0}`,
      reason: match?.message || fact?.message || 'stopped by a rule without a message',
      target: match?.name ?? '',
      matched: (match?.value ?? '').slice(0, matchedBytesMax),
      matches: answer.matches
        .filter(({ flags }) => (flags & matchFlag.logged) !== 0)
        .map(({ rule }) => `${name}/${facts.rules[rule]?.id ?? 0}`),
    };
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

  #isTextual(): boolean {
    const { responseBodyMimeTypes, responseBodyAccess } = this.#filter.facts.settings;
    const { response } = this.#transaction;
    if (!responseBodyAccess || response === null) return false;
    for (let i = 0; i < response.headerCount; i++) {
      if (response.headerName(i).toLowerCase() !== 'content-type') continue;
      const type = (response.headerValue(i).split(';')[0] ?? '').trim().toLowerCase();
      return responseBodyMimeTypes.includes(type);
    }
    return responseBodyMimeTypes.includes('null');
  }
}
