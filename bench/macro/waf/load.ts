/** Load of one kind of request by wrk on the load's core, and one request alone whose status is looked at. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { BenchRequest } from '#toolchain/bench-requests.ts';
import { loadCore } from './candidates.ts';

/** Few, and fewer where a request costs its proxy 150 ms and stands behind all others. */
const connections = 16;
const connectionsOfLong = 2;
const longBytes = 4_096;

export type Load = {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Answers of 400 and above. */
  readonly refused: number;
  /** Connections that broke, and answers that did not come. */
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** Requests are sent in turn. */
export async function runLoad(
  folder: string,
  port: number,
  requests: readonly BenchRequest[],
  seconds: number,
): Promise<Load> {
  const script = `${folder}/load.lua`;
  const bytes = Math.max(...requests.map(({ body }) => body?.length ?? 0));
  writeFileSync(
    script,
    `local all={
${requests.map(luaRequest).join(',\n')}
}
local made={}
local at=0
init=function() for i,r in ipairs(all) do made[i]=wrk.format(r[1],r[2],r[3],r[4]) end end
request=function() at=at%#made+1 return made[at] end
done=function(s,l,r) io.write(string.format("JSON{\\"requests\\":%d,\\"us\\":%d,\\"refused\\":%d,\\"failed\\":%d,\\"p50\\":%.1f,\\"p99\\":%.1f}\\n",
  s.requests,s.duration,s.errors.status,s.errors.connect+s.errors.read+s.errors.write+s.errors.timeout,l:percentile(50),l:percentile(99))) end
`,
  );
  const child = spawn(
    'taskset',
    [
      ...[
        '-c',
        String(loadCore),
        'wrk',
        '-t1',
        `-c${bytes < longBytes ? connections : connectionsOfLong}`,
        `-d${seconds}s`,
      ],
      ...['--timeout', '60s', '-s', script, `http://127.0.0.1:${port}`],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child, 'close');
  const json = /JSON(\{.*\})/.exec(output)?.[1];
  if (json === undefined) throw new Error(`wrk said: ${output}`);
  const found = JSON.parse(json) as Record<string, number>;
  const figure = (name: string): number => found[name] ?? Number.NaN;
  return {
    requests: figure('requests'),
    requestsPerSecond: figure('requests') / (figure('us') / 1e6),
    refused: figure('refused'),
    failed: figure('failed'),
    p50Ms: figure('p50') / 1_000,
    p99Ms: figure('p99') / 1_000,
  };
}

function luaRequest({ request, body }: BenchRequest): string {
  const fields = request.fields
    .filter(([name]) => name !== 'Content-Length')
    .map(([name, value]) => `[${JSON.stringify(name)}]=${JSON.stringify(value)}`);
  const { method, target } = request;
  return `{${JSON.stringify(method)},${JSON.stringify(target)},{${fields.join(',')}},${body === null ? 'nil' : JSON.stringify(body)}}`;
}

export function statusOf(port: number, { request, body }: BenchRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const { method, target: path } = request;
    const headers = request.fields.flat();
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}
