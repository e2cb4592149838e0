/** `weir shield check` — what this host can do for the kernel shield, and what is missing. Needs no node. */
import { readFileSync } from 'node:fs';
import { usageError } from '#cli/cli-error.ts';
import { type Command, jsonOption } from '#cli/command.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import type { Style } from '#cli/printer.ts';
import { counted } from '#cli/words.ts';
import { checkHost, defaultInterfaces, type HostCheck } from '#synproxy/host-check.ts';

const styles: Readonly<Record<HostCheck['state'], Style>> = {
  ok: 'green',
  warn: 'yellow',
  missing: 'red',
};
const interfaceName = /^[^/\s:]{1,15}$/;

export const shieldCheck: Command = {
  words: ['shield', 'check'],
  summary: 'say what this host can do for the kernel shield and what is missing',
  positionals: [],
  options: [
    {
      name: 'interface',
      kind: 'texts',
      value: 'NAME',
      summary: 'network interfaces to look at (those of the default routes)',
    },
    {
      name: 'cookies',
      kind: 'text',
      value: 'MODE',
      summary: 'what SYN cookies are wanted: auto, always or off (auto)',
    },
    jsonOption,
  ],
  examples: ['weir shield check', 'sudo weir shield check --interface eth0 --cookies always'],
  async run({ given, print }) {
    const wanted = given.text('cookies') ?? 'auto';
    if (wanted !== 'auto' && wanted !== 'always' && wanted !== 'off')
      throw usageError(`"${wanted}" is no mode: auto, always, off`);
    const named = given.texts('interface');
    const bad = named.find((name) => !interfaceName.test(name));
    if (bad !== undefined) throw usageError(`"${bad}" is no name of a network interface`);
    const interfaces = named.length > 0 ? named : defaultInterfaces(readText);
    const checks = checkHost({
      interfaces,
      cookies: wanted === 'off' ? null : wanted === 'always' ? 'always' : 'on-demand',
    });
    const missing = checks.filter(({ state }) => state === 'missing').length;
    const warnings = checks.filter(({ state }) => state === 'warn').length;
    print.answer({ missing, warnings, checks }, () => {
      const rows = checks.flatMap(({ name, state, found, fix }) => [
        [{ text: state, style: styles[state] }, name, found],
        ...(fix === null ? [] : [['', '', `→ ${fix}`]]),
      ]);
      const sum =
        missing > 0
          ? `${missing} missing: the packet program cannot run here, and addresses are kept out further up`
          : `the packet program can run here${warnings === 0 ? '' : `, with ${counted(warnings, 'warning')}`}`;
      return `${print.columns(rows)}\n\n${sum}`;
    });
    return missing > 0 ? exitCodes.failure : exitCodes.ok;
  },
};

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
