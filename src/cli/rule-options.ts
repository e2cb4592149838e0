/** What commands about SecLang rules take alike: which rules, and what is set for them. */
import { usageError } from '#cli/cli-error.ts';
import type { CommandOption } from '#cli/command.ts';
import type { ParsedArguments } from '#cli/parse-arguments.ts';
import { namedRules } from '#config/core-rules.ts';
import type { RuleSetRequest } from '#toolchain/rule-set-request.ts';

export const paranoiaOption: CommandOption = {
  name: 'paranoia',
  kind: 'text',
  value: '1-4',
  summary: 'paranoia level of the Core Rule Set; else as the files say',
};
export const setupOption: CommandOption = {
  name: 'setup',
  kind: 'texts',
  value: 'NAME=VALUE',
  summary: 'a variable set behind the setup file, without "tx."',
};

export function ruleSetOf(
  name: string,
  paths: readonly string[],
  given: ParsedArguments,
  cwd: string,
): RuleSetRequest {
  const paranoia = given.text('paranoia');
  if (paranoia !== null && !/^[1-4]$/.test(paranoia))
    throw usageError(`--paranoia ${paranoia} is none of 1, 2, 3 and 4`);
  return {
    name,
    paths: paths.map((path) => namedRules(cwd, path)),
    paranoia: paranoia === null ? null : Number(paranoia),
    inboundThreshold: null,
    outboundThreshold: null,
    setup: Object.fromEntries(given.texts('setup').map(setupPair)),
    exclusions: [],
    keepsRuleEngine: false,
  };
}

function setupPair(text: string): readonly [string, string] {
  const match = /^([a-z0-9_.-]{1,64})=(.*)$/.exec(text);
  if (match === null) throw usageError(`--setup ${text} is no NAME=VALUE`);
  return [match[1] ?? '', match[2] ?? ''];
}
