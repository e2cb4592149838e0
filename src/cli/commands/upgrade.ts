/** `weir upgrade` — the program on disk takes the place of the running one; no connection is cut. */
import { upgradeAnswer } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { printable } from '#cli/printer.ts';
import { programLines, swapProgram } from '#cli/swap-program.ts';
import { counted, shortHash } from '#cli/words.ts';

/** Starting workers, and the time the node itself gives its successor. */
const upgradeTimeoutMs = 150_000;

export const upgrade: Command = {
  words: ['upgrade'],
  summary: 'let the program on disk take its place, over the same sockets',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir check --config weir.yaml && weir upgrade'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/upgrade',
      answer: upgradeAnswer,
      timeoutMs: upgradeTimeoutMs,
    });
    // The node has no right to load a packet program; whoever says this may have it.
    const program = await swapProgram(context);
    context.print.answer({ ...answer, program }, () => {
      const { pid, version, sha256, workers, tookMs, drains } = answer;
      const open =
        drains.openConnections === null ? '' : ` ${counted(drains.openConnections, 'connection')},`;
      return [
        `process ${pid} (version ${printable(version)}, configuration ${shortHash(sha256)}) is live with ${counted(workers, 'worker')} after ${tookMs / 1_000} s`,
        `process ${drains.pid} drains${open} at the latest until ${printable(drains.deadline)}`,
        ...programLines(program),
      ].join('\n');
    });
    return program?.state === 'stays' ? exitCodes.refused : exitCodes.ok;
  },
};
