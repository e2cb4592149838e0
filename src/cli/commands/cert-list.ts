/** `weir cert list` — the certificates a running node obtains and renews by itself. */
import { certificateListAnswer } from '#admin/schema.ts';
import { certificateRow } from '#cli/certificate-words.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Cell } from '#cli/printer.ts';

export const certList: Command = {
  words: ['cert', 'list'],
  summary: 'list the certificates the node obtains by itself',
  positionals: [],
  options: [jsonOption, stateOption],
  examples: ['weir cert list'],
  async run(context) {
    const answer = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/certificates',
      answer: certificateListAnswer,
    });
    context.print.answer(answer, () => {
      if (answer.certificates.length === 0)
        return 'no certificates are obtained by ACME; name them under edge.listeners[].tls.certificates[].acme';
      const titles = ['NAMES', 'STATE', 'VALID UNTIL', 'RENEWS', 'LAST ERROR'];
      return context.print.columns([
        titles.map((text): Cell => ({ text, style: 'dim' })),
        ...answer.certificates.map(certificateRow),
      ]);
    });
    return exitCodes.ok;
  },
};
