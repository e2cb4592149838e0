/**
 * `weir module load` — new bytes for a configured module, while requests flow. What lies beside the file goes
 * with it. With `--fleet` they go to every node of the fleet, in stages, through its orchestrator.
 */
import { moduleLoadAnswer } from '#admin/module-schema.ts';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption, orchestratorOptions, stateOption } from '#cli/command.ts';
import { callDaemon, slowCallTimeoutMs } from '#cli/daemon-client.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import { gatedCallTimeoutMs, gateOf, gateOptions } from '#cli/gate-options.ts';
import { besideOptions, moduleBody, readModule } from '#cli/module-beside.ts';
import { moduleLiveText } from '#cli/module-words.ts';
import { startAndFollow, uploadModule } from '#cli/rollout-calls.ts';
import { rolloutOptions } from '#cli/rollout-terms.ts';

/** `--state` is that of the node, and with --fleet that of the orchestrator. */
const fleetOptions = [
  ...rolloutOptions,
  ...orchestratorOptions.filter(({ name }) => name !== 'state'),
].map((option) => ({ ...option, summary: `with --fleet: ${option.summary}` }));

export const moduleLoad: Command = {
  words: ['module', 'load'],
  summary: 'replace a rule module of a running node, or of a whole fleet',
  positionals: ['NAME', 'FILE'],
  options: [
    ...besideOptions,
    ...gateOptions,
    {
      name: 'fleet',
      kind: 'flag',
      summary: 'on every node of the fleet, in stages; --state is then the orchestrator’s',
    },
    ...fleetOptions,
    jsonOption,
    stateOption,
  ],
  examples: [
    'weir module load core build/core.wasm',
    'weir module load core build/core.wasm --replay last --max-new-blocks 0',
    'weir module load core build/core.wasm --fleet --stages 1,25%,all --soak 5m --wait',
  ],
  async run(context) {
    const { given } = context;
    const [name, file] = [given.positional(0), given.positional(1)];
    const isForFleet = given.flag('fleet');
    const stray = fleetOptions.find((option) => given.flag(option.name));
    if (!isForFleet && stray !== undefined)
      throw usageError(`--${stray.name} says something of a fleet`, 'add --fleet');
    const module = await readModule(file, context);
    const replay = gateOf(given);
    if (isForFleet) {
      if (replay !== null)
        throw usageError('--replay is of one node', 'try it there with "weir replay" first');
      const { sha256 } = await uploadModule(context, name, module);
      return startAndFollow(context, { kind: 'module', name, sha256 });
    }
    const { sourceMap } = module;
    const isAlone =
      module.signature === null && module.cases === null && sourceMap === null && replay === null;
    const answer = await callDaemon(context, {
      method: 'POST',
      path: `/api/v1/modules/${encodeURIComponent(name)}`,
      answer: moduleLoadAnswer,
      ...(isAlone
        ? { wasm: module.module }
        : {
            json: {
              ...moduleBody(module),
              ...(replay === null ? {} : { replay }),
            },
          }),
      timeoutMs: replay === null ? slowCallTimeoutMs : gatedCallTimeoutMs,
    });
    context.print.answer(answer, () => {
      const isUnlooked = module.signature !== null && answer.module.signedBy === null;
      return `${moduleLiveText(answer)}${isUnlooked ? '; its signature was not looked at: waf.signatures.keys is empty' : ''}`;
    });
    return exitCodes.ok;
  },
};
