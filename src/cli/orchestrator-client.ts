/**
 * Calls to an orchestrator: the one on this machine, found by its run file, or one that is named with its URL.
 *
 * A named one is spoken to over loopback or TLS only: its token would otherwise be anybody's on the way.
 */
import type { Static, TSchema } from 'typebox';
import { usageError } from '#cli/cli-error.ts';
import type { CommandContext } from '#cli/command.ts';
import { type CallTarget, callAt, type DaemonCall } from '#cli/daemon-client.ts';
import { discoverDaemon, orchestratorDaemon } from '#cli/discover.ts';
import { readBounded } from '#cli/read-bounded.ts';

const tokenFileBytesMax = 4_096;

export async function callOrchestrator<Answer extends TSchema>(
  context: CommandContext,
  call: DaemonCall<Answer>,
): Promise<Static<Answer>> {
  return callAt(await targetOf(context), call);
}

async function targetOf({ io, given }: CommandContext): Promise<CallTarget> {
  const url = given.text('orchestrator');
  if (url === null) {
    if (given.text('token-file') !== null)
      throw usageError('--token-file belongs to --orchestrator URL');
    const found = await discoverDaemon(io, given.text('state'), orchestratorDaemon);
    const { pid, stateDirectory } = found;
    return {
      ...found,
      noun: 'orchestrator',
      whenSilent: `its process is ${pid}; its log says what it is busy with`,
      whenGone: `${stateDirectory} says it runs as pid ${pid}; if that is another program now, start the orchestrator again`,
    };
  }
  const file = given.text('token-file');
  if (file === null) throw usageError('--orchestrator URL needs --token-file FILE');
  const hint = 'look whether it runs there, and whether the tunnel to it stands';
  return {
    noun: 'orchestrator',
    admin: originOf(url),
    token: new TextDecoder().decode(await readBounded(file, tokenFileBytesMax, 'a token')).trim(),
    version: null,
    whenSilent: hint,
    whenGone: hint,
  };
}

function originOf(text: string): string {
  const url = URL.parse(text);
  const isLocal = url !== null && /^(?:127\.[0-9.]+|\[::1\]|localhost)$/.test(url.hostname);
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)))
    throw usageError(
      `--orchestrator ${text} is no URL that a token may be sent to`,
      'write https://host:port, or http://127.0.0.1:3030 with an ssh tunnel behind it',
    );
  return url.origin;
}
