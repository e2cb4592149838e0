/** The inside of `inspect-apart.ts`: one request through the live rules, in a thread. */
import { problemOf } from '#proxy/http1/parse-problem.ts';
import { doHere } from './apart.ts';
import type { RecordedRequest } from './recorded-request.ts';
import { RuleSide, type SideExplanation, type SideSource } from './rule-side.ts';

/** As it is on the wire, from a client. */
export type AskedRequest = {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly client: string;
  readonly tls: boolean;
};

export type InspectJob = { readonly live: SideSource; readonly request: AskedRequest };

export type Inspected = {
  /** Null where it is refused before its rules, with the status and the reason. */
  readonly explanation: SideExplanation | null;
  readonly refusal: { readonly status: number; readonly reason: string } | null;
  /** Of modules, a line each. */
  readonly failures: readonly string[];
};

export type FromInspection = { readonly kind: 'done'; readonly inspected: Inspected };

/** Rules that answer are not asked: the request goes nowhere. */
function recorded({ head, body, client, tls }: AskedRequest): RecordedRequest {
  return {
    ...{ id: 'inspect', atMs: 0, client, tls, ja4: '', certificate: null, major: 1 },
    ...{ chunked: false, body: 'whole', route: '', status: 0, outcome: 'forwarded', rule: '' },
    head: bufferOf(head),
    bytes: bufferOf(body),
    responseHead: null,
  };
}

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);

async function inspect({ live, request }: InspectJob): Promise<Inspected> {
  const failures: string[] = [];
  const side = await RuleSide.create(live, {
    onFailure: (_module, message) => failures.push(message),
  });
  const asked = recorded(request);
  const answer = await side.explain(asked);
  if (typeof answer === 'number') {
    side.close();
    const { status, reason } = problemOf(answer);
    return { explanation: null, refusal: { status, reason }, failures };
  }
  // What it costs is told by a run that is not the first one.
  let { microseconds } = answer.run;
  for (let run = 0; run < runs && failures.length === 0; run++) {
    const again = await side.run(asked);
    microseconds = Math.min(microseconds, again?.microseconds ?? microseconds);
  }
  side.close();
  const explanation = { ...answer, run: { ...answer.run, microseconds } };
  return { explanation, refusal: null, failures };
}

const runs = 20;

await doHere<InspectJob, FromInspection>(async (job) => ({
  kind: 'done',
  inspected: await inspect(job),
}));
