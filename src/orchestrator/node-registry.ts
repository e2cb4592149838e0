/**
 * The nodes of the fleet as the orchestrator knows them: who they said they are, how they were at their last beat,
 * and where in their life they stand.
 *
 * ```
 * hello ─► registered ─► active ─► draining ─► gone          a planned end: told to, or said so itself
 *                          │   └──► terminating ─┘
 *                          └─ no beat for deadAfterMs ─► dead     nobody meant it: onDeath
 * ```
 *
 * A state goes only onward, but for a node that starts anew (another `startedAtMs`) or that speaks after it was
 * taken for dead. Silence is measured by the monotonic clock from when this process could hear: while the bus is
 * away, and right after it came back or after a start of our own, nobody is declared dead.
 *
 * Bounded: so many nodes at once, and only members of the trust file get here (`orchestrator-fleet.ts`).
 */
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Beat, Hello } from '#fleet/messages.ts';
import { integer, integerOrNull, text, textOrNull } from '#state/database-file.ts';
import type { StateDatabase } from '#state/state-database.ts';

export const nodeStates = [
  'registered',
  'active',
  'draining',
  'terminating',
  'gone',
  'dead',
] as const;
export type NodeLifeState = (typeof nodeStates)[number];

export type KnownNode = {
  readonly id: string;
  readonly state: NodeLifeState;
  readonly stateAtMs: number;
  readonly registeredAtMs: number;
  readonly beatAtMs: number | null;
  readonly hello: Hello;
  readonly beat: Beat | null;
  /** Of a dead one: whether whoever is to hear of it has. */
  readonly told: boolean;
};

type Kept = KnownNode & { readonly heardAtMs: number };

export type RegistryOptions = {
  readonly state: StateDatabase;
  readonly deadAfterMs: number;
  readonly forgetAfterMs: number;
  readonly nodesMax: number;
  /** Wall clock, for people. */
  readonly wallMs: () => number;
  /** For silence. */
  readonly monotonicMs: () => number;
  onDeath(node: KnownNode): void;
};

/** Those that should be heard of. */
const isExpected = ({ state }: KnownNode): boolean => state !== 'gone' && state !== 'dead';

export class NodeRegistry {
  /** Hellos of nodes there was no room for. */
  refused = 0;
  readonly #options: RegistryOptions;
  readonly #nodes = new Map<string, Kept>();
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  /** Beats since the last `flush`: a node's last beat is worth no sync of its own. */
  readonly #unsaved = new Set<string>();
  /** Since when we could hear; null while we cannot. */
  #listeningSinceMs: number | null = null;

  constructor(options: RegistryOptions) {
    const { database } = options.state;
    this.#options = options;
    this.#put = database.prepare('INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#delete = database.prepare('DELETE FROM node WHERE id = ?');
    const heardAtMs = options.monotonicMs();
    for (const row of database.prepare('SELECT * FROM node ORDER BY id').all()) {
      const node = nodeOf(row);
      this.#nodes.set(node.id, { ...node, heardAtMs });
    }
  }

  /** By name. */
  list(): readonly KnownNode[] {
    return [...this.#nodes.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  find(id: string): KnownNode | null {
    return this.#nodes.get(id) ?? null;
  }

  hello(hello: Hello): void {
    const known = this.#nodes.get(hello.node);
    if (known === undefined && this.#nodes.size >= this.#options.nodesMax) {
      this.refused++;
      return;
    }
    const nowMs = this.#options.wallMs();
    const startsAnew = known === undefined || known.hello.startedAtMs !== hello.startedAtMs;
    const state = startsAnew || !isExpected(known) ? 'registered' : known.state;
    this.#save({
      id: hello.node,
      state,
      stateAtMs: state === known?.state ? known.stateAtMs : nowMs,
      registeredAtMs: known?.registeredAtMs ?? nowMs,
      beatAtMs: known?.beatAtMs ?? null,
      hello,
      beat: startsAnew ? null : known.beat,
      told: false,
      heardAtMs: this.#options.monotonicMs(),
    });
  }

  /** False from a node whose hello has not come: it is asked for by nobody, nodes repeat it. */
  beat(beat: Beat): boolean {
    const known = this.#nodes.get(beat.node);
    if (known === undefined) return false;
    const state = stateAfter(known.state, beat.state);
    const nowMs = this.#options.wallMs();
    const next: Kept = {
      ...known,
      beat,
      beatAtMs: nowMs,
      heardAtMs: this.#options.monotonicMs(),
      ...(state === known.state ? {} : { state, stateAtMs: nowMs, told: false }),
    };
    if (state !== known.state) this.#save(next);
    else {
      this.#nodes.set(next.id, next);
      this.#unsaved.add(next.id);
    }
    return true;
  }

  /** It was told to, and has said yes. */
  plan(id: string, state: 'draining' | 'terminating'): void {
    const known = this.#nodes.get(id);
    if (known === undefined || !isExpected(known) || known.state === 'terminating') return;
    this.#save({ ...known, state, stateAtMs: this.#options.wallMs() });
  }

  /** Whoever was to hear of its death has. */
  told(id: string): void {
    const known = this.#nodes.get(id);
    if (known?.state === 'dead' && !known.told) this.#save({ ...known, told: true });
  }

  /** Whether what nodes say can get here. */
  listen(isListening: boolean): void {
    if (!isListening) this.#listeningSinceMs = null;
    else this.#listeningSinceMs ??= this.#options.monotonicMs();
  }

  /** Each second or so: who is silent for too long, and who ended long ago. */
  sweep(): void {
    const { monotonicMs, wallMs, deadAfterMs, forgetAfterMs, onDeath } = this.#options;
    const nowMs = wallMs();
    for (const node of [...this.#nodes.values()]) {
      if (!isExpected(node)) {
        if (nowMs - node.stateAtMs > forgetAfterMs) this.#forget(node.id);
        continue;
      }
      if (this.#listeningSinceMs === null) continue;
      const silentMs = monotonicMs() - Math.max(node.heardAtMs, this.#listeningSinceMs);
      if (silentMs < deadAfterMs) continue;
      const isPlanned = node.state === 'draining' || node.state === 'terminating';
      const ended: Kept = { ...node, state: isPlanned ? 'gone' : 'dead', stateAtMs: nowMs };
      this.#save(ended);
      if (!isPlanned) onDeath(ended);
    }
  }

  /** Last beats to disk, all in one commit. */
  flush(): void {
    const { state } = this.#options;
    if (this.#unsaved.size === 0) return;
    state.attempt(() => {
      state.database.exec('BEGIN IMMEDIATE');
      for (const id of this.#unsaved) {
        const node = this.#nodes.get(id);
        if (node !== undefined) this.#put.run(...columnsOf(node));
      }
      state.database.exec('COMMIT');
    });
    this.#unsaved.clear();
  }

  #save(node: Kept): void {
    this.#options.state.attempt(() => this.#put.run(...columnsOf(node)));
    this.#nodes.set(node.id, node);
    this.#unsaved.delete(node.id);
  }

  #forget(id: string): void {
    this.#options.state.attempt(() => this.#delete.run(id));
    this.#nodes.delete(id);
    this.#unsaved.delete(id);
  }
}

function stateAfter(state: NodeLifeState, said: Beat['state']): NodeLifeState {
  if (said === 'ending') return 'gone';
  if (state === 'terminating' || state === 'draining') return state;
  return said === 'draining' ? 'draining' : 'active';
}

type Columns = readonly [
  string,
  string,
  number,
  number,
  number | null,
  number,
  string,
  string | null,
];

function columnsOf(node: KnownNode): Columns {
  const { id, state, stateAtMs, registeredAtMs, beatAtMs, told, hello, beat } = node;
  return [
    ...([id, state, stateAtMs, registeredAtMs, beatAtMs, told ? 1 : 0] as const),
    JSON.stringify(hello),
    beat === null ? null : JSON.stringify(beat),
  ];
}

function nodeOf(row: Record<string, SQLOutputValue>): KnownNode {
  const beat = textOrNull(row['beat']);
  const state = nodeStates.find((known) => known === row['state']);
  return {
    id: text(row['id']),
    state: state ?? 'gone',
    stateAtMs: integer(row['state_at_ms']),
    registeredAtMs: integer(row['registered_at_ms']),
    beatAtMs: integerOrNull(row['beat_at_ms']),
    told: row['told'] === 1,
    // Written by `columnsOf` of this class, from what was checked when it came in.
    hello: JSON.parse(text(row['hello'])) as Hello,
    beat: beat === null ? null : (JSON.parse(beat) as Beat),
  };
}
