/**
 * The L4 rules of a node: durable first, then in force in the kernel, then answered.
 *
 * ```
 * request ─► parse, refuse what cuts off ─► state.db ─► kernel: idle generation, flip (shield-process.ts) ─► answer
 *                                             ▲             └─ error: the rules from before, here and there
 * ```
 *
 * The packet program enforces them, or the table of nftables, which cannot inspect. Where there is neither the rules
 * are kept, and whoever asks is told that they are not in force, and why.
 */
import type {
  Caller,
  RuleAnswer,
  RuleChange,
  RuleControl,
  RuleEntry,
  RuleList,
  RuleRequest,
} from '#admin/rule-control.ts';
import { wallMs } from '#core/clock.ts';
import { WeirError } from '#core/errors.ts';
import { parseCidr } from '#core/ip.ts';
import {
  formatL4Rule,
  formatPort,
  formatProtocol,
  type L4Rule,
  l4RulesMax,
  parseL4Rule,
} from '#core/l4-rule.ts';
import type { RuleStore, StoredRule, StoredRules } from '#state/rule-store.ts';
import type { Logger } from '#telemetry/log.ts';
import { ruleAgainst } from './caller-reach.ts';
import type { Shield } from './shield.ts';
import type { RuleSet } from './shield-ipc.ts';

export type NodeRulesOptions = {
  readonly store: RuleStore;
  readonly shield: Pick<Shield, 'handover' | 'changeRules' | 'counters'>;
  /** Of the configuration that is live. */
  readonly allowed: () => readonly string[];
  /** What looks at the packets that a rule wants inspected; null where nothing does. */
  readonly inspectModule: () => string | null;
  /** Throws while no change may be made. */
  readonly checkMayChange: () => void;
  readonly setDegraded: (part: string, reason: string | null) => void;
  readonly log: Logger;
};

export class NodeRules implements RuleControl {
  readonly #options: NodeRulesOptions;
  #store: RuleStore;
  #stored: StoredRules;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: NodeRulesOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#stored = options.store.load();
    this.#sayUninspected();
  }

  /** After a successor that did not get there. */
  reopen(store: RuleStore): void {
    this.#store = store;
    this.#stored = store.load();
  }

  get set(): RuleSet {
    const { version, rules } = this.#stored;
    return { version, rules };
  }

  async list(): Promise<RuleList> {
    const { rules } = this.#stored;
    const { counted, ...change } = await this.#look();
    const hits = new Map(counted?.hits.map(({ id, packets, bytes }) => [id, { packets, bytes }]));
    const entries = rules.map((rule, index) => entryOf(rule, index + 1, hits.get(rule.id) ?? null));
    return { ...change, entries };
  }

  async status(): Promise<RuleChange> {
    const { counted: _, ...change } = await this.#look();
    return change;
  }

  add(request: RuleRequest, caller: Caller): Promise<RuleAnswer> {
    return this.#oneAtATime(async () => {
      const { nextId: id, rules } = this.#stored;
      const rule = this.#parse(request, id);
      const order = request.order ?? rules.length + 1;
      if (order > rules.length + 1)
        throw invalid([
          `order ${order} lies behind the end; write 1 to ${rules.length + 1}, or leave it out for the last`,
        ]);
      const change = await this.#change(rules.toSpliced(order - 1, 0, rule), id + 1, caller);
      return { ...change, ...answerOf(rule, order) };
    });
  }

  delete(id: number, caller: Caller): Promise<RuleAnswer> {
    return this.#oneAtATime(async () => {
      const { nextId, rules } = this.#stored;
      const index = rules.findIndex((rule) => rule.id === id);
      const rule = rules[index];
      if (rule === undefined)
        throw new WeirError('RULE_UNKNOWN', `no rule has the id ${id}; weir rule list shows them`);
      const change = await this.#change(rules.toSpliced(index, 1), nextId, caller);
      return { ...change, ...answerOf(rule, index + 1) };
    });
  }

  clear(): Promise<RuleChange> {
    return this.#oneAtATime(() => this.#change([], this.#stored.nextId, null));
  }

  /** Takes out what has expired. */
  async expire(): Promise<void> {
    const now = wallMs();
    const isOver = ({ expiresAtMs }: StoredRule) => expiresAtMs !== null && expiresAtMs <= now;
    if (!this.#stored.rules.some(isOver)) return;
    await this.#oneAtATime(async () => {
      const { nextId, rules } = this.#stored;
      const left = rules.filter((rule) => !isOver(rule));
      await this.#change(left, nextId, null);
      this.#options.log.info({ expired: rules.length - left.length }, 'rules expired');
    });
  }

  #parse(request: RuleRequest, id: number): StoredRule {
    const parsed = parseL4Rule(request);
    if (!parsed.ok) throw invalid(parsed.problems);
    const { rule } = parsed;
    const text = formatL4Rule(rule);
    const { rules } = this.#stored;
    if (request.all && !matchesAll(rule))
      throw invalid([
        'all says that every packet is meant, and the rule names some; leave out one of them',
      ]);
    if (rule.action === 'drop' && matchesAll(rule) && !request.all)
      throw refused(
        `${text} would drop every packet; name a source, destination, port or protocol, or say that it is meant with --all ("all": true)`,
      );
    if (rule.action === 'inspect' && this.#options.shield.handover.step === 'nftables')
      throw refused(`${this.#noInspection()}; write pass or drop`);
    if (rule.action === 'inspect' && this.#options.inspectModule() === null)
      throw refused(
        'no module looks at packets here: name one in kernel.inspect.module and say weir reload',
      );
    const twin = rules.find((one) => matchOf(one) === matchOf(rule));
    if (twin !== undefined)
      throw refused(
        `rule ${twin.id} is for the same packets already (${formatL4Rule(twin)}); delete it first: weir rule delete ${twin.id}`,
      );
    if (rules.length >= l4RulesMax)
      throw new WeirError(
        'RULES_FULL',
        `there are ${rules.length} rules, the most there can be; delete some, or write several as one with a range`,
      );
    const now = wallMs();
    const expiresAtMs = request.ttlSeconds === null ? null : now + request.ttlSeconds * 1_000;
    return { ...rule, id, reason: request.reason, createdAtMs: now, expiresAtMs };
  }

  async #change(
    rules: readonly StoredRule[],
    nextId: number,
    caller: Caller | null,
  ): Promise<RuleChange> {
    this.#options.checkMayChange();
    const before = this.#stored;
    if (caller !== null) this.#refuseAgainst(rules, caller);
    const next = { version: before.version + 1, nextId, rules };
    // Durable first: an answer is a promise that outlives the process.
    this.#store.save(next);
    this.#stored = next;
    try {
      const kernel = await this.#options.shield.changeRules(this.set);
      const problem = kernel ? null : this.#whyNot();
      this.#sayUninspected();
      return { version: next.version, count: rules.length, kernel, problem };
    } catch (error) {
      // The kernel has those from before, so that is what must be found at the next start.
      this.#store.save(before);
      this.#stored = before;
      throw error;
    }
  }

  #refuseAgainst(rules: readonly L4Rule[], caller: Caller): void {
    const { allowed, shield } = this.#options;
    const guardsLoopback = shield.handover.interfaces.some(({ name }) => name === 'lo');
    const terms = { allowed: allowed(), guardsLoopback };
    const against = ruleAgainst(rules, caller, terms);
    if (against === null || ruleAgainst(this.#stored.rules, caller, terms) !== null) return;
    const { address, localAddress, localPort } = caller;
    throw refused(
      `${formatL4Rule(against)} would drop the packets of ${address} to ${localAddress} port ${localPort}, by which this was asked; let them pass first: weir rule add --src ${address} --port ${localPort} --proto tcp --action pass --order 1`,
    );
  }

  /** Whether what is stored is what the kernel has. */
  async #look() {
    const { version, rules } = this.#stored;
    const counters = await this.#options.shield.counters();
    const counted = counters?.rules ?? null;
    const kernel = counted?.version === version;
    return {
      version,
      count: rules.length,
      kernel,
      problem: kernel ? null : this.#whyNot(),
      counted,
    };
  }

  /** After a reload: the module may have come, or have left while its rules stayed. */
  follow(): void {
    this.#sayUninspected();
  }

  #sayUninspected(): void {
    const { inspectModule, setDegraded } = this.#options;
    const ids = this.#stored.rules.flatMap(({ action, id }) => (action === 'inspect' ? [id] : []));
    const why =
      this.#options.shield.handover.step === 'nftables'
        ? this.#noInspection()
        : inspectModule() === null
          ? 'kernel.inspect names no module'
          : null;
    setDegraded(
      'inspect rules',
      ids.length > 0 && why !== null
        ? `nobody looks at the packets of rule ${ids.join(', ')}, which pass: ${why}; mend that, or weir rule delete`
        : null,
    );
  }

  #noInspection(): string {
    const { refused: steps } = this.#options.shield.handover;
    return `inspect needs the packet program, and this node is on step nftables: ${steps.at(-1)?.reason ?? 'kernel.xdp is off'}`;
  }

  #whyNot(): string {
    const { step, refused: steps } = this.#options.shield.handover;
    if (step.startsWith('xdp-'))
      return 'the process that has the kernel maps does not answer; it takes the rules when it is started again, and those it had hold until then';
    if (step === 'nftables')
      return 'the nftables table does not have them now; weir status says why, and they are said again until it has';
    return `rules need the packet program or nftables, and this node is on step ${step}: ${steps.at(-1)?.reason ?? 'kernel.xdp is off'}`;
  }

  #oneAtATime<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => {});
    return result;
  }
}

/** What two rules have in common that are for the same packets: of them the second never decides. */
function matchOf({ source, destination, port, protocol }: Omit<L4Rule, 'id'>): string {
  return JSON.stringify([source, destination, port?.first, port?.last, protocol]);
}

function matchesAll({ source, destination, port, protocol }: Omit<L4Rule, 'id'>): boolean {
  const isAny = (range: string | null) => range === null || parseCidr(range)?.prefix === 0;
  const isAnyPort = port === null || (port.first === 1 && port.last === 65_535);
  return isAny(source) && isAny(destination) && isAnyPort && protocol === null;
}

function entryOf(rule: StoredRule, order: number, hits: RuleEntry['hits']): RuleEntry {
  const { id, source, destination, port, protocol, action, reason } = rule;
  return {
    ...{ order, id, source, destination },
    port: port === null ? null : formatPort(port),
    protocol: protocol === null ? null : formatProtocol(protocol),
    ...{ action, reason },
    createdAt: new Date(rule.createdAtMs).toISOString(),
    expiresAt: expiryOf(rule),
    hits,
  };
}

function answerOf(rule: StoredRule, order: number) {
  return { id: rule.id, rule: formatL4Rule(rule), order, expiresAt: expiryOf(rule) };
}

const expiryOf = ({ expiresAtMs }: StoredRule): string | null =>
  expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();

function invalid(problems: readonly string[]): WeirError {
  const [only = ''] = problems;
  return problems.length === 1
    ? new WeirError('RULE_INVALID', only)
    : new WeirError('RULE_INVALID', 'the rule cannot be', { details: problems });
}

const refused = (why: string): WeirError => new WeirError('RULE_REFUSED', why);
