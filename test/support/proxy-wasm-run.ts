/** Runs requests through a proxy-wasm module without a proxy, and says what would go to whom. */
import assert from 'node:assert/strict';
import { type Grant, grants } from '#config/module-schema.ts';
import { requestLineOf } from '#waf/request-line.ts';
import { ResponseView } from '#waf/response-view.ts';
import { type FieldEdit, type RequestFacts, Transaction } from '#waf/transaction.ts';
import type { Stop } from '#waf/verdict.ts';
import { compileFilter } from '#wasm/compile-filter.ts';
import { type BodyWindow, type Filter, type PhaseAnswer, phase } from '#wasm/filter.ts';
import type { Fetcher } from '#wasm/host-services.ts';
import { ProxyWasmFilter } from '#wasm/proxy-wasm/filter.ts';
import { HttpClient } from '#wasm/services/http-client.ts';
import { trialServices } from '#wasm/services/trial-services.ts';
import { testLimits, testSource } from './guests.ts';
import { viewOf } from './view.ts';

export type Fields = readonly (readonly [string, string])[];

export type RequestParts = {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Fields;
  readonly body?: string;
  readonly clientAddress?: string;
};
export type ResponseParts = {
  readonly status?: number;
  readonly headers?: Fields;
  readonly body?: string;
};

export type Loaded = {
  readonly filter: ProxyWasmFilter;
  readonly logs: string[];
  readonly failures: string[];
  readonly metrics: Map<string, number>;
  readonly hostCalls: Map<string, { readonly value: number }>;
};

export type LoadOptions = {
  readonly config?: object | undefined;
  readonly grants?: readonly Grant[];
  readonly fetch?: readonly string[];
  readonly failure?: 'closed' | 'open';
  readonly fuel?: number;
  /** In the place of the network. */
  readonly call?: Fetcher['call'];
  /** Of every address. */
  readonly country?: string;
};

export function loadProxyWasm(bytes: Uint8Array, options: LoadOptions = {}): Loaded {
  const logs: string[] = [];
  const failures: string[] = [];
  const metrics = new Map<string, number>();
  const hostCalls = new Map<string, { value: number }>();
  const services = trialServices((level, _module, text) => logs.push(`${level} ${text}`), {
    fetcher: { fetch: () => 'refused', call: options.call ?? overNetwork },
    database: (file) => ({
      lookup: (_address, path) =>
        file === 'geo.mmdb' && path === 'country.iso_code' ? (options.country ?? null) : null,
    }),
  });
  Object.assign(services, {
    metrics: {
      hostCalls: (_module: string, call: string) => {
        const series = hostCalls.get(call) ?? { value: 0 };
        hostCalls.set(call, series);
        return series;
      },
      define: (_module: string, kind: string, name: string) => ({
        add: (delta: number) =>
          metrics.set(`${kind} ${name}`, (metrics.get(`${kind} ${name}`) ?? 0) + delta),
        set: (value: number) => metrics.set(`${kind} ${name}`, value),
      }),
    },
  });
  const filter = compileFilter(
    {
      ...testSource,
      name: 'tested',
      bytes,
      config: JSON.stringify(options.config ?? {}),
      failure: options.failure ?? 'closed',
      fuel: options.fuel ?? testSource.fuel,
      grants: options.grants ?? grants,
      fetch: options.fetch ?? [],
      databases: { geo: 'geo.mmdb' },
    },
    testLimits,
    services,
    (message) => failures.push(message),
  );
  assert(filter instanceof ProxyWasmFilter);
  return { filter, logs, failures, metrics, hostCalls };
}

const overNetwork: Fetcher['call'] = async (_module, call, signal) => {
  const client = new HttpClient();
  try {
    return await client.call(call, signal);
  } catch {
    return null;
  } finally {
    await client.close();
  }
};

export type Outcome = {
  /** What the client gets instead of the upstream's answer. */
  readonly stop: Stop | null;
  readonly upstream: {
    readonly line: string;
    readonly headers: Fields;
    readonly body: string;
  } | null;
  readonly client: { readonly headers: Fields; readonly body: string } | null;
};

/** One request, whole bodies in one window each. */
export async function exchange(
  filter: Filter,
  request: RequestParts = {},
  response: ResponseParts = {},
): Promise<Outcome> {
  const { transaction, step } = begin(filter, request);
  const { run } = step;
  const end = (outcome: Outcome): Outcome => {
    run.log(logRecord(outcome.stop?.kind === 'block' ? outcome.stop.status : 200));
    run.end();
    return outcome;
  };
  const body = request.body ?? '';
  let stop = await step.wait(run.requestHead(body === ''));
  if (stop === null && body !== '' && (filter.phases & phase.requestBody) !== 0)
    stop = await step.wait(run.requestBody(wholeWindow(body)));
  if (stop !== null) return end({ stop, upstream: null, client: null });
  const { method, uri } = requestLineOf(transaction.request);
  const upstream = {
    line: `${method} ${uri}`,
    headers: edited(requestFields(transaction), transaction.requestEdits),
    body: transaction.replacedRequestBody?.toString() ?? body,
  };

  const answer = response.body ?? '';
  transaction.response = responseView(response);
  const fields = edited(response.headers ?? [], transaction.responseEdits);
  if ((filter.phases & phase.responseHead) !== 0)
    stop = await step.wait(run.responseHead(answer === ''));
  if (stop === null && answer !== '' && (filter.phases & phase.responseBody) !== 0)
    stop = await step.wait(run.responseBody(wholeWindow(answer)));
  if (stop !== null) return end({ stop, upstream, client: null });
  return end({
    stop: null,
    upstream,
    client: {
      headers: edited(fields, transaction.responseEdits),
      body: transaction.replacedResponseBody?.toString() ?? answer,
    },
  });
}

/** A run, and a way to wait where it says `wait`. */
export function begin(filter: Filter, request: RequestParts = {}) {
  const { method = 'GET', target = '/', headers = [['Host', 'site.example']] } = request;
  const facts: RequestFacts = { clientAddress: request.clientAddress ?? '192.0.2.7', tls: true };
  const view = viewOf({ method, target, headers });
  view.contentLength = request.body === undefined ? -1 : Buffer.byteLength(request.body);
  const transaction = new Transaction(view, facts, 'id-1', 'site.example /', 'app', false);
  let resumed: (stop: Stop | null) => void = () => assertNever();
  const run = filter.begin(transaction, (stop) => resumed(stop));
  const wait = (answer: PhaseAnswer): Promise<Stop | null> | Stop | null => {
    if (answer !== 'wait') return answer;
    const { promise, resolve } = Promise.withResolvers<Stop | null>();
    resumed = resolve;
    return promise;
  };
  return { transaction, step: { run, wait } };
}

export function wholeWindow(text: string): BodyWindow {
  const bytes = Buffer.from(text);
  return { bytes, overlap: 0, position: 0, isFirst: true, isLast: true, isWhole: true };
}

export const logRecord = (status: number) =>
  ({
    status,
    outcome: 'forwarded',
    bytesIn: 0,
    bytesOut: 0,
    durationMs: 1,
    wafMs: 0.1,
    rule: '',
  }) as const;

export function responseView(parts: ResponseParts): ResponseView {
  const { status = 200, headers = [] } = parts;
  const view = new ResponseView(Math.max(1, headers.length));
  const first = `HTTP/1.1 ${status} OK\r\n`;
  let text = first;
  for (const [index, [name, value]] of headers.entries()) {
    const start = text.length;
    text += `${name}: ${value}\r\n`;
    const valueStart = start + name.length + 2;
    view.headers.set(
      [start, start + name.length, valueStart, valueStart + value.length],
      index * 4,
    );
  }
  view.headerCount = headers.length;
  view.bytes = Buffer.from(`${text}\r\n`, 'latin1');
  view.end = view.bytes.length;
  view.status = status;
  return view;
}

function requestFields({ request }: Transaction): Fields {
  return Array.from(
    { length: request.headerCount },
    (_, i) => [request.headerName(i), request.headerValue(i)] as const,
  );
}

function edited(fields: Fields, edits: readonly FieldEdit[]): Fields {
  let result = fields.map(([name, value]) => [name.toLowerCase(), value] as const);
  for (const { kind, name, value } of edits) {
    if (kind !== 'add') result = result.filter((field) => field[0] !== name);
    if (kind !== 'remove') result.push([name, value]);
  }
  return result;
}

function assertNever(): never {
  throw new Error('resumed although nothing was waited for');
}
