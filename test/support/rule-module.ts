/** A shipped module in the very runtime, with a configuration, asked in one line and answering in one value. */
import { readFile } from 'node:fs/promises';
import { Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import type { HostServices } from '#wasm/host-services.ts';
import { compileModule, type LiveModule } from '#wasm/live-module.ts';
import { buildRules } from '../../scripts/build-rules.ts';
import { testLimits, testServices, testSource } from './guests.ts';
import { type RequestParts, viewOf } from './view.ts';

export type RuleAnswer = {
  /** `block 403 universal/x path`, `challenge universal/x path`, `limited universal/x`, or null. */
  readonly stop: string | null;
  readonly matched: string;
  readonly tags: readonly string[];
  readonly score: number;
  /** `set x-a: b`, `remove x-a`, `response add x-a: b`. */
  readonly edits: readonly string[];
};

export type RuleSettings = {
  readonly grants?: readonly string[];
  readonly services?: HostServices;
};

export type Client = { readonly address?: string; readonly ja4?: string };

export async function shippedBytes(name: string): Promise<Uint8Array> {
  const built = (await buildRules()).find((rule) => rule.name === name);
  if (built === undefined) throw new Error(`${name} is not among the rules`);
  return readFile(built.path);
}

/** Throws with the module's own words for a configuration it refuses; any failure later throws as well. */
export class RuleModule {
  readonly live: LiveModule;

  constructor(name: string, bytes: Uint8Array, config: unknown, settings: RuleSettings = {}) {
    const { grants = [], services = testServices } = settings;
    const source = {
      ...testSource,
      name,
      bytes,
      grants,
      config: typeof config === 'string' ? config : JSON.stringify(config),
    };
    this.live = compileModule(source, testLimits, services, (message) => {
      throw new Error(message);
    });
  }

  head(parts: RequestParts, client: Client = {}): RuleAnswer {
    const transaction = transactionFor(parts, client);
    const run = this.live.begin(transaction);
    return answerOf(transaction, run.requestHead(true));
  }

  /** The body as one stretch; with `isWhole` false more is said to come. */
  body(parts: RequestParts, data: Buffer | string, isWhole = true): RuleAnswer {
    const transaction = transactionFor(parts, {});
    const run = this.live.begin(transaction);
    const window = {
      bytes: Buffer.from(data),
      overlap: 0,
      position: 0,
      isFirst: true,
      isLast: isWhole,
      isWhole,
    };
    return answerOf(transaction, run.requestBody(window));
  }
}

function transactionFor(
  parts: RequestParts,
  { address = '203.0.113.7', ja4 }: Client,
): Transaction {
  const known = ja4 === undefined ? {} : { ja4 };
  const facts = { clientAddress: address, tls: ja4 !== undefined, ...known };
  return new Transaction(viewOf(parts), facts, 'test', '* /', 'app', false);
}

function answerOf(transaction: Transaction, stop: Stop | 'wait' | null): RuleAnswer {
  if (stop === 'wait') throw new Error('the module wants to wait');
  const { tags, score, requestEdits, responseEdits } = transaction;
  const text = ({ kind, name, value }: (typeof requestEdits)[number]): string =>
    kind === 'remove' ? `remove ${name}` : `${kind} ${name}: ${value}`;
  return {
    stop: stop === null ? null : textOf(stop),
    matched: stop?.matched ?? '',
    tags: [...tags],
    score,
    edits: [...requestEdits.map(text), ...responseEdits.map((edit) => `response ${text(edit)}`)],
  };
}

function textOf(stop: Stop): string {
  switch (stop.kind) {
    case 'block':
      return `block ${stop.status} ${stop.rule} ${stop.target}`;
    case 'challenge':
      return `challenge ${stop.rule} ${stop.target}`;
    case 'limited':
      return `limited ${stop.rule}`;
    case 'answer':
      return `answer ${stop.status}`;
  }
}
