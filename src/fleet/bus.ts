/**
 * The connection to NATS, the only file that imports `nats`. The bus is a courier: what comes through it is
 * checked by whoever takes it, what goes out is durable before it comes here, and what is lost is asked for
 * again. So a message may be dropped here, as long as the drop is counted and named `gap`.
 *
 * ```
 * publish ─► connected? ── yes ─► socket
 *                       └─ no ──► outbox (entries, bytes) ── full ─► the oldest goes, counted
 * socket ─► subscription's queue (bounded) ─► handler, in slices of the event loop
 *                       └─ full ─► dropped, counted, gap
 * ```
 *
 * It dials by itself, again and again, in place of the library: every connection is then a new one, with its
 * subscriptions made anew and a gap behind it, whatever the reason was for the old one to end (a server that
 * went, a slow consumer that was cut off, a key that is not taken any more). The reason stays readable.
 */
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  headers as newHeaders,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import { describeError, WeirError } from '#core/errors.ts';
import type { Logger } from '#telemetry/log.ts';
import { type Handler, QueuedSubscription, type QueueLimits } from './bus-queue.ts';
import { type BusCredentials, refusedWords, wordsOf } from './bus-words.ts';

export type BusTls = { readonly ca?: string; readonly cert?: string; readonly key?: string };

export type BusOptions = {
  readonly servers: readonly string[];
  /** What the server's monitoring calls this connection. */
  readonly name: string;
  /** Answers to what we ask come to subjects under it, which nobody else may read. */
  readonly inboxPrefix: string;
  readonly credentials: BusCredentials;
  /** Before each attempt: they may be new ones by now. Where this throws the last ones are used. */
  readonly renew?: () => BusCredentials;
  /** Null: TLS where the server wants it, with the authorities of the machine. */
  readonly tls: BusTls | null;
  readonly log: Logger;
  readonly limits?: Partial<BusLimits>;
};

export type BusLimits = QueueLimits & {
  /** What waits for a connection. */
  readonly outboxEntriesMax: number;
  readonly outboxBytesMax: number;
  readonly subscriptionsMax: number;
  readonly dialTimeoutMs: number;
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  readonly pingMs: number;
};

const standardLimits: BusLimits = {
  outboxEntriesMax: 10_000,
  outboxBytesMax: 16 * 1_048_576,
  pendingEntriesMax: 20_000,
  pendingBytesMax: 64 * 1_048_576,
  subscriptionsMax: 64,
  dialTimeoutMs: 2_500,
  redialMinMs: 100,
  // A server that is back is found within a second and a half; a refused dial costs next to nothing.
  redialMaxMs: 1_000,
  // Three seconds of silence are the end of a connection: after a partition TCP would wait as long as it lasted.
  pingMs: 1_000,
};

export type BusState = 'connected' | 'reconnecting' | 'closed';

export type BusCounts = {
  published: number;
  received: number;
  /** Never sent: the outbox was full. */
  outboxDrops: number;
  /** Never handled: the queue of a subscription was full. */
  inboundDrops: number;
  connections: number;
};

export type BusAnswer = {
  readonly bytes: Uint8Array;
  /** Of the NATS header line; 0 where there is none. */
  readonly status: number;
  header(name: string): string | null;
};

export type Subscription = { close(): void };
/** `disconnected` comes again with another reason. `gap`: something may have been missed, before this connection or in an overflow. */
export type BusEvent = 'connected' | 'disconnected' | 'gap';

type Held = { readonly subject: string; readonly bytes: Uint8Array };

/**
 * A pattern is one subscription at the server however many listen to it here: a request that came to a member
 * twice could not be answered even once, as nats-server 2.10 counts its permission to answer.
 */
type Listened = { readonly queues: Set<QueuedSubscription>; detach: () => void };

export class Bus {
  readonly counts: BusCounts = {
    published: 0,
    received: 0,
    outboxDrops: 0,
    inboundDrops: 0,
    connections: 0,
  };
  readonly #options: BusOptions;
  readonly #limits: BusLimits;
  #credentials: BusCredentials;
  readonly #listeners = new Set<(event: BusEvent) => void>();
  readonly #listened = new Map<string, Listened>();
  readonly #outbox: Held[] = [];
  #outboxBytes = 0;
  #connection: NatsConnection | null = null;
  #isClosed = false;
  #reason: string | null = 'not connected yet';
  #redial: NodeJS.Timeout | null = null;
  #redialMs: number;

  constructor(options: BusOptions) {
    this.#options = options;
    this.#credentials = options.credentials;
    this.#limits = { ...standardLimits, ...options.limits };
    this.#redialMs = this.#limits.redialMinMs;
  }

  /** Returns at once; whether there is a server shows in `state`. */
  open(): void {
    void this.#dial();
  }

  get state(): BusState {
    if (this.#isClosed) return 'closed';
    return this.#connection === null ? 'reconnecting' : 'connected';
  }

  /** Why it is not connected; null while it is. */
  get reason(): string | null {
    return this.#connection === null ? this.#reason : null;
  }

  get server(): { readonly address: string; readonly version: string } | null {
    const connection = this.#connection;
    if (connection === null) return null;
    return { address: connection.getServer(), version: connection.info?.version ?? 'unknown' };
  }

  /** What is waiting for a connection. */
  get outboxEntries(): number {
    return this.#outbox.length;
  }

  onEvent(listener: (event: BusEvent) => void): void {
    this.#listeners.add(listener);
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const connection = this.#connection;
    if (connection !== null) {
      this.#send(connection, { subject, bytes });
      return;
    }
    this.#outbox.push({ subject, bytes });
    this.#outboxBytes += bytes.length;
    while (
      this.#outbox.length > this.#limits.outboxEntriesMax ||
      this.#outboxBytes > this.#limits.outboxBytesMax
    ) {
      const oldest = this.#outbox.shift();
      if (oldest === undefined) break;
      this.#outboxBytes -= oldest.bytes.length;
      this.counts.outboxDrops++;
    }
  }

  subscribe(pattern: string, handler: Handler): Subscription {
    const known = this.#listened.get(pattern);
    if (known === undefined && this.#listened.size >= this.#limits.subscriptionsMax)
      throw new WeirError(
        'FLEET_BUS_FAILED',
        `there are ${this.#limits.subscriptionsMax} subscriptions already`,
      );
    const queue = new QueuedSubscription(handler, this.#limits, (lost) => {
      this.counts.inboundDrops += lost;
      this.#emit('gap');
    });
    const listened = known ?? { queues: new Set(), detach: () => {} };
    listened.queues.add(queue);
    if (known === undefined) {
      this.#listened.set(pattern, listened);
      if (this.#connection !== null) this.#attach(this.#connection, pattern, listened);
    }
    return {
      close: () => {
        queue.close();
        listened.queues.delete(queue);
        if (listened.queues.size > 0 || this.#listened.get(pattern) !== listened) return;
        this.#listened.delete(pattern);
        listened.detach();
      },
    };
  }

  /** Answers one request, on the subject its message named. */
  respond(reply: string, bytes: Uint8Array): void {
    // An answer that waits for a connection comes to nobody.
    if (this.#connection !== null) this.#send(this.#connection, { subject: reply, bytes });
  }

  /** Throws FLEET_BUS_FAILED: nobody there, no answer in time, not connected, not permitted. */
  async request(
    subject: string,
    bytes: Uint8Array,
    timeoutMs: number,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<BusAnswer> {
    const connection = this.#connection;
    if (connection === null)
      throw new WeirError('FLEET_BUS_FAILED', `not connected to NATS: ${this.#reason}`);
    try {
      const headers = headersOf(fields);
      const answer = await connection.request(subject, bytes, {
        timeout: timeoutMs,
        ...(headers === null ? {} : { headers }),
      });
      return answerOf(answer);
    } catch (error) {
      throw new WeirError('FLEET_BUS_FAILED', `${subject}: ${wordsOf(error)}`, { cause: error });
    }
  }

  /** All answers that come within `timeoutMs`, at most `answersMax`. */
  async requestMany(
    subject: string,
    bytes: Uint8Array,
    terms: { readonly timeoutMs: number; readonly answersMax: number },
  ): Promise<Uint8Array[]> {
    const connection = this.#connection;
    if (connection === null) return [];
    const answers: Uint8Array[] = [];
    try {
      const found = await connection.requestMany(subject, bytes, {
        maxWait: terms.timeoutMs,
        maxMessages: terms.answersMax,
      });
      for await (const { data } of found) answers.push(data);
    } catch (error) {
      this.#options.log.debug({ subject, reason: wordsOf(error) }, 'no answers');
    }
    return answers;
  }

  /** Resolves when the server has had everything published before; false without a connection. */
  async flush(): Promise<boolean> {
    const connection = this.#connection;
    if (connection === null) return false;
    return connection.flush().then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#redial !== null) clearTimeout(this.#redial);
    for (const { queues, detach } of this.#listened.values()) {
      for (const queue of queues) queue.close();
      detach();
    }
    const connection = this.#connection;
    this.#connection = null;
    // What was said last is sent before the connection goes, as long as there is somebody to take it.
    await Promise.race([
      connection?.drain().catch(() => connection.close()),
      new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
    ]);
    await connection?.close();
  }

  async #dial(): Promise<void> {
    this.#redial = null;
    const { servers, name, inboxPrefix, tls, log } = this.#options;
    const credentials = this.#renewed();
    try {
      const authenticator = authenticatorOf(credentials);
      const connection = await connect({
        servers: [...servers],
        name,
        inboxPrefix,
        ...(authenticator === null ? {} : { authenticator }),
        ...(tls === null ? {} : { tls }),
        reconnect: false,
        timeout: this.#limits.dialTimeoutMs,
        pingInterval: this.#limits.pingMs,
        maxPingOut: 2,
        noAsyncTraces: true,
      });
      if (this.#isClosed) {
        await connection.close();
        return;
      }
      this.#connected(connection);
    } catch (error) {
      const reason = refusedWords(error, credentials) ?? wordsOf(error);
      if (reason !== this.#reason) {
        this.#reason = reason;
        log.warn({ servers, reason }, 'nats cannot be reached');
        this.#emit('disconnected');
      }
      this.#dialLater();
    }
  }

  #connected(connection: NatsConnection): void {
    this.#connection = connection;
    this.#redialMs = this.#limits.redialMinMs;
    this.counts.connections++;
    this.#options.log.info(this.server ?? {}, 'nats connected');
    void this.#watchStatus(connection);
    void connection.closed().then((error) => this.#disconnected(connection, error));
    for (const [pattern, listened] of this.#listened) this.#attach(connection, pattern, listened);
    for (const held of this.#outbox.splice(0)) this.#send(connection, held);
    this.#outboxBytes = 0;
    this.#emit('connected');
    this.#emit('gap');
  }

  #disconnected(connection: NatsConnection, error: unknown): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    const refused = error === undefined ? null : refusedWords(error, this.#credentials);
    this.#reason =
      error === undefined ? 'the server closed the connection' : (refused ?? wordsOf(error));
    this.#options.log.warn({ reason: this.#reason }, 'nats disconnected');
    this.#emit('disconnected');
    this.#dialLater();
  }

  /** A process that gave its rights up may not read the file any more. */
  #renewed(): BusCredentials {
    const { renew, log } = this.#options;
    try {
      if (renew !== undefined) this.#credentials = renew();
    } catch (error) {
      log.debug({ reason: describeError(error) }, 'credentials not read anew');
    }
    return this.#credentials;
  }

  /** Later and later, with jitter: a server that comes back is not met by all at once. */
  #dialLater(): void {
    if (this.#isClosed) return;
    const waitMs = this.#redialMs * (0.5 + Math.random());
    this.#redialMs = Math.min(this.#redialMs * 2, this.#limits.redialMaxMs);
    this.#redial = setTimeout(() => void this.#dial(), waitMs);
  }

  /** What the server says beside messages, above all that a subject is not permitted. */
  async #watchStatus(connection: NatsConnection): Promise<void> {
    for await (const { type, data } of connection.status())
      if (type === 'error') this.#options.log.warn({ reason: String(data) }, 'nats says');
  }

  #attach(connection: NatsConnection, pattern: string, listened: Listened): void {
    const made = connection.subscribe(pattern, {
      callback: (error, message) => {
        if (error !== null) {
          const reason = describeError(error);
          this.#options.log.error({ subject: pattern, reason }, 'no subscription');
          return;
        }
        this.counts.received++;
        const { subject, data: bytes, reply: to } = message;
        const reply = to === undefined || to === '' ? null : to;
        for (const queue of listened.queues) queue.take({ subject, bytes, reply });
      },
    });
    listened.detach = () => {
      if (!connection.isClosed()) made.unsubscribe();
    };
  }

  #send(connection: NatsConnection, { subject, bytes }: Held): void {
    try {
      connection.publish(subject, bytes);
      this.counts.published++;
    } catch (error) {
      // Larger than the server takes, or closed in this turn of the loop: gone either way.
      this.counts.outboxDrops++;
      this.#options.log.warn({ subject, reason: wordsOf(error) }, 'not published');
    }
  }

  #emit(event: BusEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function authenticatorOf(credentials: BusCredentials): Authenticator | null {
  switch (credentials.kind) {
    case 'none':
      return null;
    case 'nkey':
      return nkeyAuthenticator(credentials.seed);
    case 'creds':
      return credsAuthenticator(credentials.text);
    case 'token':
      return tokenAuthenticator(credentials.token);
    case 'user':
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
  }
}

function headersOf(fields: Readonly<Record<string, string>>): MsgHdrs | null {
  const entries = Object.entries(fields);
  if (entries.length === 0) return null;
  const made = newHeaders();
  for (const [name, value] of entries) made.set(name, value);
  return made;
}

function answerOf(message: Msg): BusAnswer {
  const { headers, data } = message;
  return {
    bytes: data,
    status: headers?.code ?? 0,
    header: (name) => {
      const value = headers?.get(name) ?? '';
      return value === '' ? null : value;
    },
  };
}
