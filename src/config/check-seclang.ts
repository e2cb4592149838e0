/** Rules in SecLang (`waf.rules.NAME`): they are there, one kind for each name, and keys that have an effect. */
import { access, constants } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import { installedCrs, installedCrsFolder } from '#core/installed-rules.ts';
import { coreRules } from './core-rules.ts';
import { type ConfigDraft, present, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';

export async function checkSeclang(config: ConfigDraft, say: Say): Promise<void> {
  for (const [name, rule] of presentEntries(config.waf?.rules)) {
    const path = `waf.rules.${name}`;
    if (rule.seclang === undefined && rule.module !== coreRules) {
      if (rule.module === undefined)
        say(
          path,
          'has neither module nor seclang',
          'say module: builtin:NAME, or seclang: [FOLDER]',
        );
      for (const key of ['paranoia', 'inboundThreshold', 'outboundThreshold'] as const)
        if (rule[key] !== undefined)
          say(`${path}.${key}`, 'is for SecLang rules, and these are none', 'take it out');
      if (Object.keys(rule.setup ?? {}).length > 0)
        say(`${path}.setup`, 'is for SecLang rules, and these are none', 'take it out');
      if ((rule.exclusions ?? []).length > 0)
        say(`${path}.exclusions`, 'is for SecLang rules, and these are none', 'take it out');
      continue;
    }
    if (rule.module !== undefined && rule.seclang !== undefined)
      say(`${path}.module`, 'there is seclang too', 'give each a name of its own');
    if (rule.sha256 !== undefined)
      say(`${path}.sha256`, 'is for a module’s file; rules are compiled here', 'take it out');
    if (rule.watch === true)
      say(
        `${path}.watch`,
        'is for a module’s file; rules are read at "weir reload"',
        'take it out',
      );
    for (const [index, file] of present<string>(rule.seclang))
      if (file === installedCrs) await checkInstalled(`${path}.seclang[${index}]`, say);
      else await checkReadable(`${path}.seclang[${index}]`, file, say);
    for (const [index, exclusion] of present(rule.exclusions)) {
      if (exclusion.exact === true && exclusion.path === undefined)
        say(`${path}.exclusions[${index}].exact`, 'there is no path', 'add path: /that/page');
      if ((exclusion.rules ?? []).length === 0 && (exclusion.tags ?? []).length === 0)
        say(
          `${path}.exclusions[${index}]`,
          'names no rules and no tags',
          'add rules: ["942100"] or tags: [attack-sqli]',
        );
    }
  }
}

async function checkInstalled(path: string, say: Say): Promise<void> {
  try {
    await access(`${installedCrsFolder}/rules`, constants.R_OK);
  } catch {
    say(
      path,
      `no Core Rule Set is installed: ${installedCrsFolder}/rules cannot be read`,
      'apt-get install modsecurity-crs, or name a folder of rules',
    );
  }
}

async function checkReadable(path: string, file: string, say: Say): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    say(path, `${file} cannot be read: ${describeError(error)}`, 'name a file or folder of rules');
  }
}
