/**
 * Generated connections through the whole data plane (listener, connection, exchange, upstream), in this
 * thread and without a kernel, and what must hold for each of them:
 *
 * ```
 * client bytes ──► edge ──► origin bytes          read plainly = inspected = forwarded
 *      │             └► view the rules got                 │
 *      └── read plainly (plain-request) ── compared ── read strictly (http-read)
 * ```
 *
 * and the same bytes in other pieces give the same views, verdicts, requests and statuses.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RequestView } from '#waf/request-view.ts';
import { TestEdge } from './edge.ts';
import { allow, type Verdict } from './filters.ts';
import { type ReadMessage, readMessages, statusOf } from './http-read.ts';
import { installMemoryNet, type MemoryNet, type MemorySocket } from './memory-net.ts';
import { type PlainRequest, readPlainRequest } from './plain-request.ts';
import { blockMark, generateConnection, Random } from './request-generator.ts';

type Seen = {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly minor: number;
  readonly fields: readonly (readonly [string, string])[];
  readonly blocked: boolean;
};

type Trace = {
  readonly seen: readonly Seen[];
  readonly forwarded: readonly ReadMessage[];
  readonly statuses: readonly number[];
};

export type RunCounts = {
  connections: number;
  requests: number;
  mutated: number;
  inspected: number;
  forwarded: number;
  blocked: number;
  refused: number;
};

const okAnswer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
const headAnswer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
const notServed = /^(?:connect|trace)$/i;
/** Fields that end at the edge or that it writes itself, whatever stands for their hyphens. */
const edgeFields = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'proxy-authenticate',
  'proxy-authorization',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
  'x-request-id',
]);
/** Turns of the event loop without a byte either way, after which nothing more comes. */
const quietTurns = 5;
/** More than the longest pipeline takes. */
const turnsMax = 1_000;

export class GeneratedRun implements AsyncDisposable {
  readonly counts: RunCounts = {
    connections: 0,
    requests: 0,
    mutated: 0,
    inspected: 0,
    forwarded: 0,
    blocked: 0,
    refused: 0,
  };
  readonly #net: MemoryNet;
  #edge: TestEdge | null = null;
  #seen: Seen[] = [];
  #forwarded: ReadMessage[] = [];
  #uncleanAtOrigin = '';

  private constructor() {
    this.#net = installMemoryNet((socket) => this.#serveOrigin(socket));
  }

  static async create(): Promise<GeneratedRun> {
    const run = new GeneratedRun();
    run.#edge = await TestEdge.start({
      // The run keeps its thread busy all the time; that is no overload.
      edge: { limits: { shedAtLoopDelayMs: 60_000 } },
      upstreams: { app: { servers: [{ url: 'http://127.0.0.1:1' }] } },
      routes: [{ upstream: 'app', waf: { rules: ['recorder'] } }],
      modules: { recorder: (view) => run.#inspect(view) },
      accessLog: 'off',
    });
    return run;
  }

  /** One block of connections; throws with the seed and the bytes where something does not hold. */
  async block(seed: number, stream: number, connections: number): Promise<void> {
    const random = new Random(seed, stream);
    for (let i = 0; i < connections; i++) {
      const { bytes, requests, isMutated } = generateConnection(random);
      const cuts = random.once(4) ? cutsOf(random, bytes.length) : null;
      try {
        const trace = await this.#send(bytes, []);
        this.#check(bytes.toString('latin1'), trace, isMutated);
        if (cuts !== null) checkSame(trace, await this.#send(bytes, cuts));
        this.#count(trace, requests, isMutated);
      } catch (error) {
        throw new Error(
          `seed ${seed}, block ${stream}, connection ${i}: ${(error as Error).message}\nbytes: ${JSON.stringify(bytes.toString('latin1'))}\ncuts: ${JSON.stringify(cuts)}`,
          { cause: error },
        );
      }
    }
  }

  #count({ seen, forwarded, statuses }: Trace, requests: number, isMutated: boolean): void {
    const { counts } = this;
    counts.connections++;
    counts.requests += requests;
    if (isMutated) counts.mutated++;
    counts.inspected += seen.length;
    counts.forwarded += forwarded.length;
    counts.blocked += seen.filter(({ blocked }) => blocked).length;
    if (statuses.some((status) => status >= 400 && status !== 403)) counts.refused++;
  }

  async #send(bytes: Buffer, cuts: readonly number[]): Promise<Trace> {
    this.#seen = [];
    this.#forwarded = [];
    this.#uncleanAtOrigin = '';
    const client = this.#net.connect();
    let received = '';
    client.onBytes = (answer) => {
      received += answer.toString('latin1');
    };
    let from = 0;
    for (const cut of cuts) {
      client.deliver(Buffer.from(bytes.subarray(from, cut)));
      from = cut;
      await turn();
    }
    client.deliver(Buffer.from(bytes.subarray(from)));
    // In memory nothing is under way between two turns but what one of them began.
    let quiet = 0;
    let before = -1;
    for (let i = 0; quiet < quietTurns && i < turnsMax; i++) {
      await turn();
      const moved = received.length + this.#seen.length + this.#forwarded.length;
      quiet = moved === before ? quiet + 1 : 0;
      before = moved;
    }
    client.destroy();
    await turn();
    if (this.#uncleanAtOrigin !== '') throw new Error(`at the origin: ${this.#uncleanAtOrigin}`);
    const heads = this.#seen.map(({ method }) => method === 'HEAD');
    // Informational answers come before the one they belong to.
    let finals = 0;
    const answers = readMessages(received, (_index, status) => {
      if (status < 200) return true;
      return heads[finals++] === true || status === 204 || status === 304;
    });
    const statuses = answers.messages.map(statusOf).filter((status) => status >= 200);
    if (answers.rest !== '') {
      // A HEAD refused before the rules saw it: its answer names a length and has no body.
      const alone = /^HTTP\/1\.1 (4[0-9]{2}) (?:[^\r]|\r(?!\n\r))*\r\n\r\n$/.exec(answers.rest);
      if (alone === null) throw new Error(`half an answer: ${JSON.stringify(answers.rest)}`);
      statuses.push(Number(alone[1]));
    }
    return { seen: this.#seen, forwarded: this.#forwarded, statuses };
  }

  /** Views, requests at the origin and a plain reading of the client's bytes are the same. */
  #check(text: string, { seen, forwarded, statuses }: Trace, isMutated: boolean): void {
    let at = 0;
    let arrived = 0;
    for (const [index, view] of seen.entries()) {
      const plain = readPlainRequest(text, at);
      const message = forwarded[arrived];
      const passes = !view.blocked && !notServed.test(view.method);
      if (plain === null) {
        // Its body is not whole: the last one, and the origin has at most its beginning.
        if (index !== seen.length - 1 || message !== undefined)
          throw new Error(`request ${index} was taken and is none`);
        return;
      }
      checkInspected(plain, view);
      at = plain.end;
      if (!passes) continue;
      if (message === undefined) {
        // Good for the rules, and then refused behind them: that is the last of its connection.
        if (index !== seen.length - 1 || !statuses.some((status) => status >= 400))
          throw new Error(`request ${index} was inspected and never forwarded`);
        return;
      }
      checkForwarded(plain, view, message);
      arrived++;
    }
    if (arrived !== forwarded.length) throw new Error('more was forwarded than inspected');
    if (!isMutated && seen.length === 0 && statuses.length === 0) throw new Error('no answer');
  }

  #inspect(view: RequestView): Verdict {
    const { bytes } = view;
    const part = (from: number, to: number): string => bytes.toString('latin1', from, to);
    const target = part(view.targetStart, view.targetEnd);
    const blocked = target.includes(blockMark);
    this.#seen.push({
      method: part(view.start, view.methodEnd),
      target,
      host: view.hostStart < 0 ? '' : part(view.hostStart, view.hostEnd),
      minor: view.minor,
      fields: Array.from({ length: view.headerCount }, (_, i) => [
        view.headerName(i),
        view.headerValue(i),
      ]),
      blocked,
    });
    if (!blocked) return allow;
    return {
      kind: 'block',
      status: 403,
      rule: 'test/mark',
      reason: 'the target holds the mark',
      target: 'target',
      matched: blockMark,
    };
  }

  #serveOrigin(socket: MemorySocket): void {
    let rest = '';
    socket.onBytes = (bytes) => {
      try {
        const read = readMessages(rest + bytes.toString('latin1'));
        rest = read.rest;
        for (const message of read.messages) {
          this.#forwarded.push(message);
          const answer = message.first.startsWith('HEAD ') ? headAnswer : okAnswer;
          // Never within the write that asked for it: no kernel does that.
          process.nextTick(() => socket.deliver(answer));
        }
      } catch (error) {
        this.#uncleanAtOrigin = (error as Error).message;
        socket.destroy();
      }
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#edge?.[Symbol.asyncDispose]();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function cutsOf(random: Random, length: number): number[] {
  const cuts = Array.from({ length: 1 + random.below(6) }, () => random.below(length + 1));
  return cuts.sort((a, b) => a - b);
}

function checkInspected(plain: PlainRequest, view: Seen): void {
  const same =
    plain.method === view.method &&
    plain.target === view.target &&
    plain.minor === view.minor &&
    isSameFields(plain.fields, view.fields);
  if (!same) throw new Error(`inspected ${JSON.stringify(view)}, read ${JSON.stringify(plain)}`);
}

function checkForwarded(plain: PlainRequest, view: Seen, message: ReadMessage): void {
  const path = view.target.replace(/^https?:\/\/[^/?]*/i, '');
  const target = path.startsWith('/') || path === '*' ? path : `/${path}`;
  const first = `${view.method} ${target} HTTP/1.1`;
  if (message.first !== first) throw new Error(`forwarded ${message.first}, inspected ${first}`);
  if (message.body !== plain.body)
    throw new Error(`body ${JSON.stringify(message.body)} for ${JSON.stringify(plain.body)}`);
  const expected = endToEnd(view.fields, view.fields);
  const passed = endToEnd(message.fields, []);
  if (!isSameFields(expected, passed))
    throw new Error(`fields ${JSON.stringify(passed)} for ${JSON.stringify(expected)}`);
  const hosts = message.fields.filter(([name]) => name.toLowerCase() === 'host');
  if (hosts.length !== 1 || hosts[0]?.[1] !== view.host)
    throw new Error(`Host ${JSON.stringify(hosts)} for ${view.host}`);
}

/** Without what ends at the edge, what Connection named, and Host, which is compared apart. */
function endToEnd(
  fields: readonly (readonly [string, string])[],
  inspected: readonly (readonly [string, string])[],
): (readonly [string, string])[] {
  let named: string[] | null = null;
  for (const [name, value] of inspected) {
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    named = [
      ...(named ?? []),
      ...value.split(',').map((option) => option.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase()),
    ];
  }
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return (
      lower !== 'host' &&
      !edgeFields.has(lower) &&
      !edgeFields.has(lower.replace(/[_.]/g, '-')) &&
      named?.includes(lower) !== true
    );
  });
}

function isSameFields(
  one: readonly (readonly [string, string])[],
  other: readonly (readonly [string, string])[],
): boolean {
  if (one.length !== other.length) return false;
  return one.every(([name, value], i) => name === other[i]?.[0] && value === other[i]?.[1]);
}

/**
 * Requests, views and statuses are the same one by one. A refusal before the body has come (403, 405, 413)
 * closes the connection where in one piece the body was there already; a body that breaks its framing is
 * refused before or after the rules saw its head. So either may end earlier than the other, by a refusal.
 */
function checkSame(whole: Trace, cut: Trace): void {
  const differs = (what: string, a: unknown, b: unknown): never => {
    throw new Error(`in pieces, other ${what}: ${JSON.stringify(b)} for ${JSON.stringify(a)}`);
  };
  const shorter = whole.statuses.length < cut.statuses.length ? whole : cut;
  const last = shorter.statuses.length - 1;
  const isRefused = (shorter.statuses[last] ?? 0) >= 400;
  const longer = shorter === whole ? cut : whole;
  // A head that is hopeless before its line ends is refused at once, or with the next line end, or by time.
  const isEarly = longer.statuses.length === last + 2 && (longer.statuses[last + 1] ?? 0) >= 400;
  if (whole.statuses.length !== cut.statuses.length && !isRefused && !isEarly)
    differs('statuses', whole.statuses, cut.statuses);
  for (let i = 0; i <= last; i++) {
    const [a = 0, b = 0] = [whole.statuses[i], cut.statuses[i]];
    if (a !== b && !(i === last && a >= 400 && b >= 400))
      differs('statuses', whole.statuses, cut.statuses);
  }
  const withoutId = ({ first, body, fields }: ReadMessage): unknown => [
    first,
    body,
    fields.filter(([name]) => name !== 'X-Request-Id'),
  ];
  const compare = <T>(what: string, a: readonly T[], b: readonly T[]): void => {
    const common = Math.min(a.length, b.length);
    if (a.length !== b.length && !isRefused) differs(`number of ${what}`, a.length, b.length);
    const parts = [a.slice(0, common), b.slice(0, common)] as const;
    if (!isDeepStrictEqual(...parts)) differs(what, ...parts);
  };
  compare('requests', whole.forwarded.map(withoutId), cut.forwarded.map(withoutId));
  compare('views', whole.seen, cut.seen);
}
