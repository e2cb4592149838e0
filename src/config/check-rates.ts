/** `rates` and `behaviour`: names are told apart, routes exist, and what is asked for can be kept. */
import { type ConfigDraft, type Draft, present } from './draft.ts';
import type { Say } from './problem.ts';
import type { Rate } from './rate-schema.ts';

/** What a window over the fleet may last. */
const fleetSecondsMax = 86_400;

export function checkRates(config: ConfigDraft, say: Say): void {
  if (config.behaviour?.scope === 'fleet' && config.fleet === undefined)
    say(
      'behaviour.scope',
      'blocks over a fleet, and this node is in none',
      'add a fleet section ("weir fleet init" writes one), or use node',
    );
  const seen = new Set<string>();
  for (const [index, rate] of present(config.rates)) {
    const path = `rates[${index}]`;
    if (rate.name !== undefined && seen.has(rate.name))
      say(`${path}.name`, `${rate.name} is the name of another rate`, 'give each its own');
    seen.add(rate.name ?? '');
    checkParts(rate, path, say);
    checkRoute(rate, path, config, say);
    checkFleet(rate, path, config, say);
  }
}

function checkParts({ key, penaltySeconds, mode }: Draft<Rate>, path: string, say: Say): void {
  const parts = present(key).map(([, part]) => part.toLowerCase());
  for (const [at, part] of parts.entries())
    if (parts.indexOf(part) < at) say(`${path}.key[${at}]`, `${part} is there twice`, 'keep one');
  if (penaltySeconds === undefined || penaltySeconds === 0) return;
  if (parts.length === 0)
    say(
      `${path}.penaltySeconds`,
      'one request too many would shut everybody out, for the rate has no key',
      'take it out, or name a key',
    );
  else if (mode === 'monitor')
    say(`${path}.penaltySeconds`, 'has no effect in mode monitor', 'take it out');
}

function checkRoute({ match }: Draft<Rate>, path: string, config: ConfigDraft, say: Say): void {
  if (match?.route === undefined || config.routes === undefined) return;
  const names = present(config.routes).map(([, { match: of }]) => {
    const { host = '*', path: prefix = '/', exact = false } = of ?? {};
    return `${host} ${exact ? '=' : ''}${prefix}`;
  });
  const isThere = names.some((name) => match.route?.split(' [')[0] === name);
  if (isThere) return;
  say(
    `${path}.match.route`,
    `no route is called ${JSON.stringify(match.route)}`,
    `there are ${[...new Set(names)]
      .slice(0, 10)
      .map((name) => JSON.stringify(name))
      .join(', ')}`,
  );
}

function checkFleet(rate: Draft<Rate>, path: string, config: ConfigDraft, say: Say): void {
  if (rate.scope !== 'fleet') return;
  if (config.fleet === undefined)
    say(
      `${path}.scope`,
      'counts over a fleet, and this node is in none',
      'add a fleet section ("weir fleet init" writes one), or use node',
    );
  const { limit, perSeconds, burst } = rate;
  if (limit === undefined || perSeconds === undefined) return;
  if (((burst ?? limit * 2) * perSeconds) / limit <= fleetSecondsMax) return;
  say(
    `${path}.burst`,
    `would be a window of more than ${fleetSecondsMax} s over the fleet`,
    'lower burst or perSeconds',
  );
}
