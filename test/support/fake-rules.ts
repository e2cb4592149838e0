/** Rules of a node in memory, for tests of the management API and the command line. */
import type {
  Caller,
  RuleAnswer,
  RuleChange,
  RuleControl,
  RuleEntry,
  RuleList,
  RuleRequest,
} from '#admin/rule-control.ts';
import { WeirError } from '#core/errors.ts';

export const exampleRule: RuleEntry = {
  ...{ order: 1, id: 1, source: null, destination: null, port: '22', protocol: 'tcp' },
  ...{ action: 'drop', reason: '', createdAt: '2026-01-02T03:04:05.000Z', expiresAt: null },
  hits: null,
};

export class FakeRules implements RuleControl {
  readonly #call: (name: string) => void;
  entries: RuleEntry[] = [];
  readonly added: RuleRequest[] = [];
  readonly callers: Caller[] = [];
  problem: string | null = null;
  version = 0;

  constructor(call: (name: string) => void) {
    this.#call = call;
  }

  get change(): RuleChange {
    const { version, problem, entries } = this;
    return { version, count: entries.length, kernel: problem === null, problem };
  }

  async list(): Promise<RuleList> {
    this.#call('rules.list');
    return { ...this.change, entries: this.entries };
  }

  async add(request: RuleRequest, caller: Caller): Promise<RuleAnswer> {
    this.#call('rules.add');
    this.added.push(request);
    this.callers.push(caller);
    this.version++;
    const { source, destination, port, protocol, reason, ttlSeconds } = request;
    const order = this.entries.length + 1;
    const expiresAt = ttlSeconds === null ? null : '2026-01-02T04:04:05.000Z';
    this.entries.push({
      ...{ order, id: order, source, destination, port, protocol, reason, expiresAt },
      action: request.action as RuleEntry['action'],
      createdAt: '2026-01-02T03:04:05.000Z',
      hits: { packets: 1_234, bytes: 74_040 },
    });
    return { ...this.change, id: order, order, expiresAt, rule: `--action ${request.action}` };
  }

  async delete(id: number, caller: Caller): Promise<RuleAnswer> {
    this.#call(`rules.delete ${id}`);
    this.callers.push(caller);
    const found = this.entries.find((entry) => entry.id === id);
    if (found === undefined) throw new WeirError('RULE_UNKNOWN', `no rule has the id ${id}`);
    this.entries = this.entries.filter((entry) => entry !== found);
    const { order, action } = found;
    return { ...this.change, id, order, expiresAt: null, rule: `--action ${action}` };
  }

  async clear(): Promise<RuleChange> {
    this.#call('rules.clear');
    this.entries = [];
    return this.change;
  }
}
