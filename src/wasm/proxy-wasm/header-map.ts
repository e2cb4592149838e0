/**
 * A head's fields as a proxy-wasm guest reads and writes them: what came, with every change so far, of
 * this module and of those before it.
 *
 * `:method` and `:path` of a request are its request line, and a change of them is checked as the parser would. The
 * other pseudo fields (`:authority`, `:scheme`, `:status`) are there to be read: they say whose a message is. Framing and hop-by-hop
 * fields belong to the edge, which writes them anew for every message; guests that change a body take
 * Content-Length out of habit, so such a change is taken, shown to the guest, and goes no further.
 */
import { ownFields } from '#core/own-fields.ts';
import { fieldEditProblem } from '#waf/field-edit.ts';
import { type RequestLine, requestLineOf } from '#waf/request-line.ts';
import type { RequestView } from '#waf/request-view.ts';
import type { FieldEdit } from '#waf/transaction.ts';
import { status } from './abi.ts';
import type { Pair } from './pairs.ts';

/** Where a map's fields come from and where its changes go. */
export type HeaderSource = {
  /** Pseudo fields first, `:method` and `:path` before all; names in lower case; Host as `:authority`. */
  readonly load: () => Pair[];
  /** Of all modules, in order; a map takes in what it has not seen yet at each use. */
  readonly edits: () => readonly FieldEdit[];
  /** False when there is no room for another one. */
  readonly edit: (edit: FieldEdit) => boolean;
  /** Of a request: its line as it stands, and what changes it or says why not. */
  readonly line?: {
    readonly view: () => RequestView;
    readonly change: (change: Partial<RequestLine>) => string | null;
  };
  /** The head has not been sent yet. */
  readonly isOpen: () => boolean;
  /** Why something was refused, for the operator. */
  readonly refuse: (what: string) => void;
};

export class HeaderMap {
  readonly #source: HeaderSource;
  /** Made when the guest first asks for a field; most requests never get there. */
  #pairs: Pair[] | null = null;
  #seen = 0;
  /** Whose request line stands in `#pairs`. */
  #view: RequestView | null = null;

  constructor(source: HeaderSource) {
    this.#source = source;
  }

  /** Every field as it stands now. */
  pairs(): readonly Pair[] {
    return this.#catchUp();
  }

  /** The first one of that name, as in Envoy. */
  get(name: string): string | undefined {
    const key = canonical(name);
    return this.pairs().find((pair) => pair[0] === key)?.[1];
  }

  add(name: string, value: string): number {
    return this.#change({ kind: 'add', name: canonical(name), value });
  }

  replace(name: string, value: string): number {
    const key = canonical(name);
    // A map read, changed and written back as a whole holds the pseudo fields too.
    if (key.startsWith(':') && this.get(key) === value) return status.ok;
    return this.#change({ kind: 'set', name: key, value });
  }

  remove(name: string): number {
    const key = canonical(name);
    if (this.get(key) === undefined) return status.ok;
    return this.#change({ kind: 'remove', name: key, value: '' });
  }

  /** All fields at once: what is missing is removed, what is the same is left alone. */
  replaceAll(pairs: readonly Pair[]): number {
    const wanted = new Map<string, string[]>();
    for (const [name, value] of pairs) {
      const key = canonical(name);
      const values = wanted.get(key);
      if (values === undefined) wanted.set(key, [value]);
      else values.push(value);
    }
    const present = new Map<string, string[]>();
    for (const [name, value] of this.pairs()) {
      const values = present.get(name);
      if (values === undefined) present.set(name, [value]);
      else values.push(value);
    }
    for (const name of present.keys()) {
      // A map built from nothing rarely names the pseudo fields; leaving one out changes nothing.
      if (wanted.has(name) || name.startsWith(':')) continue;
      const answer = this.remove(name);
      if (answer !== status.ok) return answer;
    }
    for (const [name, values] of wanted) {
      if (present.get(name)?.join('\0') === values.join('\0')) continue;
      for (const [index, value] of values.entries()) {
        const answer = index === 0 ? this.replace(name, value) : this.add(name, value);
        if (answer !== status.ok) return answer;
      }
    }
    return status.ok;
  }

  #change(edit: FieldEdit): number {
    const { edit: send, isOpen, refuse } = this.#source;
    if (!isOpen()) {
      refuse(`${edit.kind} of ${edit.name}: the head has been sent`);
      return status.badArgument;
    }
    if (edit.name.startsWith(':')) return this.#changePseudo(edit);
    if (ownFields.has(edit.name)) {
      apply(this.#catchUp(), edit);
      return status.ok;
    }
    const problem = fieldEditProblem(edit);
    if (problem !== null) {
      refuse(`${edit.kind}: ${problem}`);
      return status.badArgument;
    }
    if (send(edit)) return status.ok;
    refuse(`${edit.kind} of ${edit.name}: the request has as many changes as it may have`);
    return status.internalFailure;
  }

  #changePseudo({ kind, name, value }: FieldEdit): number {
    const { line, refuse } = this.#source;
    const part = kind === 'set' ? lineParts[name] : undefined;
    if (line === undefined || part === undefined) {
      refuse(`${kind} of ${name}: a module does not change whose a message is`);
      return status.unimplemented;
    }
    const problem = line.change({ [part]: value });
    if (problem === null) return status.ok;
    refuse(`${kind} of ${name}: ${problem}`);
    return status.badArgument;
  }

  #catchUp(): Pair[] {
    const { load, line } = this.#source;
    const pairs = (this.#pairs ??= load());
    const view = line?.view() ?? null;
    if (view !== null && view !== this.#view) pairs.splice(0, 2, ...linePairs(view));
    this.#view = view;
    const edits = this.#source.edits();
    for (; this.#seen < edits.length; this.#seen++) {
      const edit = edits[this.#seen];
      if (edit !== undefined) apply(pairs, edit);
    }
    return pairs;
  }
}

const lineParts: Readonly<Record<string, keyof RequestLine>> = {
  ':method': 'method',
  ':path': 'uri',
};

export function linePairs(view: RequestView): [Pair, Pair] {
  const { method, uri } = requestLineOf(view);
  return [
    [':method', method],
    [':path', uri],
  ];
}

/** Lower case, and Host under the name it has in a map. */
function canonical(name: string): string {
  const lower = name.toLowerCase();
  return lower === 'host' ? ':authority' : lower;
}

function apply(pairs: Pair[], edit: FieldEdit): void {
  if (edit.kind !== 'add') {
    let kept = 0;
    for (const pair of pairs) if (pair[0] !== edit.name) pairs[kept++] = pair;
    pairs.length = kept;
  }
  if (edit.kind !== 'remove') pairs.push([edit.name, edit.value]);
}
