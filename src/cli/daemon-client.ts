/**
 * Calls to the management API of the node that `#cli/discover.ts` found.
 *
 * Every call has a time limit and a bound on its answer, and every answer is checked against the schema
 * the daemon serialised it with; one from another version is a clear sentence here and not an
 * `undefined` on the screen. Redirects are not followed, so that the token goes nowhere else.
 */
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { errorAnswer } from '#admin/schema.ts';
import { CliError, failureError, refusedError, unreachableError } from '#cli/cli-error.ts';
import type { CommandContext } from '#cli/command.ts';
import { discoverDaemon } from '#cli/discover.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { describeError } from '#core/errors.ts';

export const callTimeoutMs = 10_000;
/** Reloads and module loads prepare every worker before they answer. */
export const slowCallTimeoutMs = 60_000;
/** Enough for a block list of a few hundred thousand entries. */
export const answerBytesMax = 128 * 1024 * 1024;

/** Answers by which the daemon says that the caller may not, or that a limit is reached. */
const refusedStatuses: ReadonlySet<number> = new Set([401, 403, 413, 421, 429, 507]);

export type DaemonCall<Answer extends TSchema> = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly answer: Answer;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly wasm?: Uint8Array<ArrayBuffer>;
  readonly timeoutMs?: number;
};

export async function callDaemon<Answer extends TSchema>(
  context: CommandContext,
  call: DaemonCall<Answer>,
): Promise<Static<Answer>> {
  return callAt(await nodeOf(context), call);
}

/** What is no JSON. */
export async function readDaemonText(context: CommandContext, path: string): Promise<string> {
  const target = await nodeOf(context);
  const { status, text } = await exchange(target, { method: 'GET', path });
  if (status !== 200) throw errorFrom(status, parseJson(text), target.noun);
  return text;
}

async function nodeOf(context: CommandContext): Promise<CallTarget> {
  const daemon = await discoverDaemon(context.io, context.given.text('state'));
  const { pid, stateDirectory } = daemon;
  return {
    ...daemon,
    noun: 'node',
    whenSilent: `its process is ${pid}; its log says what it is busy with`,
    whenGone: `${stateDirectory} says it runs as pid ${pid}; if that is another program now, start the node again`,
  };
}

/** Who is called, with what there is to say where the call fails. */
export type CallTarget = {
  readonly noun: string;
  /** `http://host:port` */
  readonly admin: string;
  readonly token: string;
  /** Null where nobody has said. */
  readonly version: string | null;
  readonly whenSilent: string;
  readonly whenGone: string;
};

export async function callAt<Answer extends TSchema>(
  target: CallTarget,
  call: DaemonCall<Answer>,
): Promise<Static<Answer>> {
  const { noun, version } = target;
  const { status, text } = await exchange(target, call);
  const value = parseJson(text);
  if (status !== 200) throw errorFrom(status, value, noun);
  if (!Check(call.answer, value)) {
    throw failureError(`the ${noun} answered in a form this weir does not understand`, [
      version === null
        ? `use the weir command of the version the ${noun} runs`
        : `the ${noun} runs version ${version}; use the weir command that belongs to it`,
    ]);
  }
  return value;
}

async function exchange(
  daemon: CallTarget,
  call: Omit<DaemonCall<TSchema>, 'answer'>,
): Promise<{ status: number; text: string }> {
  const timeoutMs = call.timeoutMs ?? callTimeoutMs;
  const headers: Record<string, string> = { authorization: `Bearer ${daemon.token}` };
  if (call.wasm !== undefined) headers['content-type'] = 'application/wasm';
  if (call.json !== undefined) headers['content-type'] = 'application/json';
  const body = call.wasm ?? (call.json === undefined ? null : JSON.stringify(call.json));
  try {
    const response = await fetch(`${daemon.admin}${call.path}`, {
      method: call.method,
      headers,
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, text: await readBounded(response, daemon.noun) };
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw unreachableError(
        `the ${daemon.noun} at ${daemon.admin} did not answer within ${timeoutMs / 1_000} s`,
        [daemon.whenSilent],
      );
    }
    throw unreachableError(
      `cannot reach the ${daemon.noun} at ${daemon.admin}: ${describeError(error)}`,
      [daemon.whenGone],
    );
  }
}

async function readBounded(response: Response, noun: string): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > answerBytesMax)
      throw failureError(`the ${noun}'s answer is larger than ${answerBytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorFrom(status: number, value: unknown, noun: string): CliError {
  if (!Check(errorAnswer, value))
    return failureError(`the ${noun} answered with status ${status} and no reason`);
  const { code, message, details } = value.error;
  if (status === 401 || status === 403 || status === 421 || status === 429)
    return refusedError(message, details);
  const exit = refusedStatuses.has(status) ? exitCodes.refused : exitCodes.failure;
  return new CliError(exit, code, message, details);
}
