/** `crowdsec`: keys that can be read, and nothing of it in clear over a network. */
import { readFile } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import { isLoopback, parseIp } from '#core/ip.ts';
import { parseListenAddress } from './address.ts';
import { type ConfigDraft, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';

export async function checkCrowdsec({ crowdsec }: ConfigDraft, say: Say): Promise<void> {
  if (crowdsec === undefined) return;
  const { lapi, serve } = crowdsec;
  const readable = async (path: string, file: string | undefined): Promise<void> => {
    if (file === undefined) return;
    try {
      await readFile(file);
    } catch (error) {
      say(path, `cannot be read: ${describeError(error)}`, 'name a readable file');
    }
  };
  await readable('crowdsec.lapi.keyFile', lapi?.keyFile);
  await readable('crowdsec.lapi.ca', lapi?.ca);
  const url = URL.parse(lapi?.url ?? '');
  if (url?.protocol === 'http:' && !isLocal(url.hostname.replace(/^\[|\]$/g, '')))
    say(
      'crowdsec.lapi.url',
      'sends the key in clear over a network',
      'use https, or an agent on this machine (http://127.0.0.1:8080)',
    );
  if (serve === undefined) return;
  await readable('crowdsec.serve.tls.cert', serve.tls?.cert);
  await readable('crowdsec.serve.tls.key', serve.tls?.key);
  for (const [name, bouncer] of presentEntries(serve.bouncers))
    await readable(`crowdsec.serve.bouncers.${name}.keyFile`, bouncer.keyFile);
  if (serve.bouncers !== undefined && Object.keys(serve.bouncers).length === 0)
    say(
      'crowdsec.serve.bouncers',
      'names nobody, so nobody is answered',
      'name a bouncer and its key',
    );
  if (serve.address === undefined) return;
  const address = parseListenAddress(serve.address);
  if (address === null)
    say('crowdsec.serve.address', 'is no host:port', 'for one "127.0.0.1:8085"');
  else if (serve.tls === undefined && !isLocal(address.host))
    say(
      'crowdsec.serve.address',
      'takes keys in clear over a network',
      'give it tls, or an address of the loopback interface',
    );
}

function isLocal(host: string): boolean {
  const address = parseIp(host);
  return host === 'localhost' || (address !== null && isLoopback(address));
}
