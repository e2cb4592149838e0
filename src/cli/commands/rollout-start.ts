/** `weir rollout start|upload` — rules for every node of a fleet, in stages, through its orchestrator. */
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, orchestratorOptions } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { besideOptions, readModule } from '#cli/module-beside.ts';
import { printable } from '#cli/printer.ts';
import { readBounded } from '#cli/read-bounded.ts';
import { startAndFollow, uploadModule, uploadPolicy } from '#cli/rollout-calls.ts';
import { rolloutOptions } from '#cli/rollout-terms.ts';
import { thousands } from '#cli/words.ts';
import { policyBytesMax } from '#rollout/content.ts';

export const rolloutStart: Command = {
  words: ['rollout', 'start'],
  summary: 'roll a rule module or a policy out over the fleet',
  positionals: ['NAME'],
  options: [
    {
      name: 'module',
      kind: 'text',
      value: 'FILE',
      summary: 'a module, for the name under waf.rules',
    },
    {
      name: 'policy',
      kind: 'text',
      value: 'FILE',
      summary: 'or a policy: rules, and the waf part of routes, in YAML or JSON',
    },
    {
      name: 'sha256',
      kind: 'text',
      value: 'HASH',
      summary: 'or a module, with --is-policy a policy, that was uploaded before',
    },
    { name: 'is-policy', kind: 'flag', summary: '--sha256 is that of a policy' },
    ...besideOptions,
    ...rolloutOptions,
    jsonOption,
    ...orchestratorOptions,
  ],
  examples: [
    'weir rollout start core --module build/core.wasm --stages 1:10m,25%:1h,all --wait',
    'weir rollout start strict --policy strict.yaml --hold pinned',
  ],
  async run(context) {
    const { given } = context;
    const name = given.positional(0);
    const [module, policy, sha256] = [
      given.text('module'),
      given.text('policy'),
      given.text('sha256'),
    ];
    if ([module, policy, sha256].filter((one) => one !== null).length !== 1)
      throw usageError('what is to be rolled out? give one of --module, --policy and --sha256');
    if (module !== null) {
      const uploaded = await uploadModule(context, name, await readModule(module, context));
      return startAndFollow(context, { kind: 'module', name, sha256: uploaded.sha256 });
    }
    if (policy !== null) {
      const bytes = await readBounded(policy, policyBytesMax, 'a policy');
      const text = Buffer.from(bytes).toString('utf8');
      const uploaded = await uploadPolicy(context, name, text);
      return startAndFollow(context, { kind: 'policy', name, sha256: uploaded.sha256 });
    }
    if (sha256 === null || !/^[0-9a-f]{64}$/.test(sha256))
      throw usageError(`--sha256 ${sha256} is no SHA-256: 64 digits of 0-9a-f`);
    return startAndFollow(context, {
      kind: given.flag('is-policy') ? 'policy' : 'module',
      ...{ name, sha256 },
    });
  },
};

export const rolloutUpload: Command = {
  words: ['rollout', 'upload'],
  summary: 'send a rule module to the orchestrator, for a policy to bring along',
  positionals: ['NAME', 'FILE'],
  options: [...besideOptions, jsonOption, ...orchestratorOptions],
  examples: ['weir rollout upload core build/core.wasm'],
  async run(context) {
    const { given } = context;
    const [name, file] = [given.positional(0), given.positional(1)];
    const answer = await uploadModule(context, name, await readModule(file, context));
    context.print.answer(
      answer,
      () =>
        `${printable(name)} has ${thousands(answer.bytes)} bytes; in a policy it is module: "fleet:${answer.sha256}"`,
    );
    return exitCodes.ok;
  },
};
