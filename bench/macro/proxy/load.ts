/** HTTP/1.1 load over 64 kept-alive connections: a browser's fields, by wrk or autocannon, on the load's core. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hasCommand } from '../../support/processes.ts';
import { loadCore } from './candidates.ts';

const connections = 64;

export const path =
  '/products/search?q=blue+running+shoes&category=footwear&size=42&sort=price_asc&page=2';
export const headers: Readonly<Record<string, string>> = {
  Host: 'www.shop.example',
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br',
  Referer: 'https://www.shop.example/products?category=shoes',
  Cookie:
    '_ga=GA1.2.1234567890.1700000000; session=4f2d9c1b7a8e43d0b1c5e6f708192a3b; theme=dark; cart=3; consent=yes',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Site': 'same-origin',
  'Upgrade-Insecure-Requests': '1',
};

export type LoadFigures = {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that are not 2xx, and connections that broke. */
  readonly bad: number;
};

export type WrkRequest = {
  readonly method: string;
  readonly body: string;
  /** Each on a connection of its own, so many at a time. */
  readonly closingAtOnce?: number;
};

export async function runWrk(
  folder: string,
  url: string,
  seconds: number,
  { method, body, closingAtOnce }: WrkRequest,
): Promise<LoadFigures> {
  const script = `${folder}/load.lua`;
  const type = body.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded';
  const all = {
    ...headers,
    ...(body === '' ? {} : { 'Content-Type': type }),
    ...(closingAtOnce === undefined ? {} : { Connection: 'close' }),
  };
  const fields = Object.entries(all).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}]=${JSON.stringify(value)}`,
  );
  writeFileSync(
    script,
    `wrk.path=${JSON.stringify(path)}
wrk.method=${JSON.stringify(method)}
${body === '' ? '' : `wrk.body=${JSON.stringify(body)}`}
${fields.join('\n')}
done=function(s,l,r) io.write(string.format("JSON{\\"requests\\":%d,\\"us\\":%d,\\"bad\\":%d,\\"p50\\":%.1f,\\"p99\\":%.1f}\\n",
  s.requests,s.duration,s.errors.status+s.errors.connect+s.errors.read+s.errors.write+s.errors.timeout,l:percentile(50),l:percentile(99))) end
`,
  );
  const output = await capture('wrk', [
    '-t1',
    `-c${closingAtOnce ?? connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    url,
  ]);
  const json = /JSON(\{.*\})/.exec(output)?.[1];
  if (json === undefined) throw new Error(`wrk said: ${output}`);
  const { requests, us, bad, p50, p99 } = JSON.parse(json) as {
    requests: number;
    us: number;
    bad: number;
    p50: number;
    p99: number;
  };
  return {
    requests,
    requestsPerSecond: (requests - bad) / (us / 1e6),
    bad,
    p50Ms: p50 / 1_000,
    p99Ms: p99 / 1_000,
  };
}

export async function runAutocannon(url: string, seconds: number): Promise<LoadFigures> {
  const entry = createRequire(import.meta.url).resolve('autocannon');
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  const output = await capture(process.execPath, [
    entry,
    '-c',
    String(connections),
    '-d',
    String(seconds),
    '-j',
    '-n',
    ...fields,
    url + path,
  ]);
  const result = JSON.parse(output.slice(output.indexOf('{'))) as {
    requests: { average: number; total: number };
    latency: { p50: number; p99: number };
    non2xx: number;
    errors: number;
  };
  return {
    requests: result.requests.total,
    requestsPerSecond: result.requests.average,
    bad: result.non2xx + result.errors,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}

export function capture(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const pinned = hasCommand('taskset') ? ['taskset', '-c', String(loadCore), command] : [command];
    const child = spawn(pinned[0] as string, [...pinned.slice(1), ...args], {
      env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
