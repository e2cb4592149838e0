/** Management calls on a connection of their own each: a kept one would still lead to the process before. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

export type ManagementAnswer = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
};

/** The node that is live in this folder, by its run file. */
export function liveNode(folder: string): { readonly pid: number; readonly admin: string } {
  const file: unknown = JSON.parse(readFileSync(join(folder, 'state/edge.json'), 'utf8'));
  return file as { pid: number; admin: string };
}

export async function manage(
  folder: string,
  method: string,
  path: string,
): Promise<ManagementAnswer> {
  const token = readFileSync(join(folder, 'state/token'), 'utf8').trim();
  const request = http.request(`${liveNode(folder).admin}${path}`, {
    method,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const text = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> };
}
