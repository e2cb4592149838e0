/** `weir cert renew` — a running node renews one of its certificates now, whatever its plan says. */
import { certificateStatus } from '#admin/schema.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { printable } from '#cli/printer.ts';

export const certRenew: Command = {
  words: ['cert', 'renew'],
  summary: 'renew a certificate of a running node now',
  positionals: ['NAME'],
  options: [jsonOption, stateOption],
  examples: ['weir cert renew example.org'],
  async run(context) {
    const name = context.given.positional(0);
    const answer = await callDaemon(context, {
      method: 'POST',
      path: `/api/v1/certificates/${encodeURIComponent(name)}/renew`,
      answer: certificateStatus,
      timeoutMs: slowCallTimeoutMs,
    });
    context.print.answer(answer, () => {
      const names = printable(answer.names.join(', '));
      if (answer.isRenewing)
        return `${names}: the certificate authority is still at work; "weir cert list" shows the outcome`;
      if (answer.lastError !== null)
        return `${names}: ${printable(answer.lastError)}; tried again at ${formatTime(answer.renewsAt)}`;
      return `${names}: renewed, valid until ${formatTime(answer.notAfter ?? '')}`;
    });
    return answer.lastError === null ? exitCodes.ok : exitCodes.failure;
  },
};
