/** `events.to`: each names one place, with what belongs to it and no more. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describeError } from '#core/errors.ts';
import { checkWebhook } from './check-webhook.ts';
import { type ConfigDraft, present } from './draft.ts';
import type { Say } from './problem.ts';
import { parseSyslogAddress } from './syslog-address.ts';

export async function checkEvents(config: ConfigDraft, say: Say): Promise<void> {
  for (const [index, target] of present(config.events?.to)) {
    const path = `events.to[${index}]`;
    const { file, syslog, webhook, secretFile, ca } = target;
    const named = [file, syslog, webhook].filter((value) => value !== undefined).length;
    if (named !== 1)
      say(
        path,
        named === 0 ? 'names no place' : 'names more than one place',
        'say file, syslog or webhook, and each in an entry of its own',
      );
    if (file !== undefined) await checkFolder(`${path}.file`, file, say);
    const address = syslog === undefined ? null : parseSyslogAddress(syslog);
    if (syslog !== undefined && address === null)
      say(
        `${path}.syslog`,
        `"${syslog}" is no such address`,
        'write udp://host:514, tcp://host:601 or tls://host:6514',
      );
    if (ca !== undefined && address?.protocol !== 'tls')
      say(`${path}.ca`, 'is for syslog over TLS', 'take it out');
    else if (ca !== undefined) await checkReadable(`${path}.ca`, ca, say);
    if (webhook === undefined && secretFile !== undefined)
      say(`${path}.secretFile`, 'is for a webhook', 'take it out');
    if (webhook === undefined) continue;
    if (secretFile === undefined)
      say(path, 'has no secretFile to sign with', 'make one: openssl rand -hex 32 > FILE');
    const { allowInternal } = target;
    checkWebhook(
      { url: webhook, secretFile, allowInternal },
      `${path}.webhook`,
      `${path}.secretFile`,
      say,
    );
  }
}

async function checkFolder(path: string, file: string, say: Say): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
    if ((await stat(file).catch(() => null))?.isDirectory() === true)
      say(path, `${file} is a folder`, 'name a file in it');
  } catch (error) {
    say(
      path,
      `${dirname(file)} cannot be written to: ${describeError(error)}`,
      'name a file in a folder that is there',
    );
  }
}

async function checkReadable(path: string, file: string, say: Say): Promise<void> {
  try {
    await access(file, constants.R_OK);
  } catch (error) {
    say(path, `${file} cannot be read: ${describeError(error)}`, 'name a PEM file');
  }
}
