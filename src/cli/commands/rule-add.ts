/** `weir rule add` — packets that match pass, are dropped or are inspected from now on. */
import { ruleAnswer } from '#admin/rule-schema.ts';
import { ttlSecondsMax } from '#admin/schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon } from '#cli/daemon-client.ts';
import { formatTime, parseDuration } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { printable } from '#cli/printer.ts';
import { inForce } from '#cli/rule-words.ts';
import { l4RulesMax, parseL4Rule } from '#core/l4-rule.ts';

export const ruleAdd: Command = {
  words: ['rule', 'add'],
  summary: 'pass, drop or inspect packets by address, port and protocol',
  positionals: [],
  options: [
    {
      name: 'action',
      kind: 'text',
      value: 'ACTION',
      summary: 'pass, drop or inspect',
      required: true,
    },
    { name: 'src', kind: 'text', value: 'ADDR|CIDR', summary: 'where packets come from; else any' },
    { name: 'dst', kind: 'text', value: 'ADDR|CIDR', summary: 'where they go to; else any' },
    {
      name: 'port',
      kind: 'text',
      value: 'PORT',
      summary: 'destination port of TCP and UDP, or a range: 8000-8100; else any',
    },
    {
      name: 'proto',
      kind: 'text',
      value: 'PROTOCOL',
      summary: 'tcp, udp, icmp, icmp6 or a number; else any',
    },
    {
      name: 'order',
      kind: 'text',
      value: 'N',
      summary: 'place in the list, 1 for the first; else the last',
    },
    { name: 'all', kind: 'flag', summary: 'every packet is meant, for a rule that names nothing' },
    {
      name: 'ttl',
      kind: 'text',
      value: 'TIME',
      summary: 'for how long: 30s, 15m, 1h, 7d; else until it is deleted',
    },
    { name: 'reason', kind: 'text', value: 'TEXT', summary: 'why, for whoever reads the list' },
    jsonOption,
    stateOption,
  ],
  examples: [
    'weir rule add --src 192.0.2.0/24 --port 22 --proto tcp --action pass',
    'weir rule add --port 22 --proto tcp --action drop --reason "not from outside"',
  ],
  async run(context) {
    const { given } = context;
    const rule = {
      source: given.text('src'),
      destination: given.text('dst'),
      port: given.text('port'),
      protocol: given.text('proto'),
      action: given.text('action') ?? '',
    };
    const parsed = parseL4Rule(rule);
    if (!parsed.ok) throw usageError(parsed.problems.join('; '));
    const ttl = given.text('ttl');
    const time = ttl === null ? null : parseDuration(ttl, ttlSecondsMax);
    if (time?.ok === false) throw usageError(time.problem);
    const order = given.text('order');
    if (order !== null && !(/^[1-9]\d{0,2}$/.test(order) && Number(order) <= l4RulesMax))
      throw usageError(`"${order}" is no place in the list; write 1 to ${l4RulesMax}`);
    const answer = await callDaemon(context, {
      method: 'POST',
      path: '/api/v1/rules',
      answer: ruleAnswer,
      json: {
        ...rule,
        order: order === null ? null : Number(order),
        all: given.flag('all'),
        reason: given.text('reason') ?? '',
        ttlSeconds: time?.seconds ?? null,
      },
    });
    context.print.answer(answer, () => {
      const until = answer.expiresAt === null ? '' : `, until ${formatTime(answer.expiresAt)}`;
      return `rule ${answer.id}: ${printable(answer.rule)}${until} (${inForce(answer)})`;
    });
    return exitCodes.ok;
  },
};
