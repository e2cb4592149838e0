/** A CrowdSec agent played by what a real one has answered (`test/corpus/crowdsec`). */

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { serveOnLoopback } from './loopback-server.ts';

export type RecordedAnswer = {
  readonly why: string;
  readonly path: string;
  readonly status: number;
  readonly body: unknown;
};

export const recordedAnswers = JSON.parse(
  readFileSync(new URL('../corpus/crowdsec/agent-answers.json', import.meta.url), 'utf8'),
) as readonly RecordedAnswer[];

const streams = (isStart: boolean) =>
  recordedAnswers.filter(
    ({ path, body }) =>
      path === `/v1/decisions/stream?startup=${isStart}` &&
      JSON.stringify(body) !== '{"deleted":null,"new":null}',
  );

export type PlayedAgent = AsyncDisposable & {
  readonly url: string;
  /** What it was asked, in order. */
  readonly asked: string[];
  /** From now on `startup=false` is answered with what has changed, once, and with nothing before. */
  change(): void;
  close(): Promise<void>;
};

export async function playAgent(key: string): Promise<PlayedAgent> {
  const asked: string[] = [];
  let changes: readonly RecordedAnswer[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://agent.invalid');
    asked.push(`${url.pathname}${url.search}`);
    const isStart = url.searchParams.get('startup') === 'true';
    let answer: { status: number; body: unknown } = {
      status: 200,
      body: { deleted: null, new: null },
    };
    if (request.headers['x-api-key'] !== key)
      answer = recordedAnswers.find(({ status }) => status === 403) ?? answer;
    else if (isStart) answer = streams(true)[0] ?? answer;
    else {
      answer = changes[0] ?? answer;
      changes = changes.slice(1);
    }
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(answer.body));
  });
  const { port, close } = await serveOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    change: () => {
      changes = streams(false);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
