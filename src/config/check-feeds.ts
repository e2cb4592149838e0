/** `feeds`: one place each, and what belongs to it alone. A list that cannot be had now is no fault of the file. */
import { readFile } from 'node:fs/promises';
import { describeError } from '#core/errors.ts';
import { type ConfigDraft, presentEntries } from './draft.ts';
import type { Say } from './problem.ts';

export async function checkFeeds(config: ConfigDraft, say: Say): Promise<void> {
  for (const [name, feed] of presentEntries(config.feeds)) {
    const path = `feeds.${name}`;
    const { file, url, ca, allowInternal, format, column, countries = [], networks = [] } = feed;
    if ((file === undefined) === (url === undefined))
      say(
        path,
        file === undefined ? 'names no list' : 'names two lists',
        'give it one of file and url',
      );
    if (url?.startsWith('http://') === true && allowInternal !== true)
      say(
        `${path}.url`,
        'is fetched without TLS, so anybody on the way can write it',
        'use https, or say allowInternal: true for a server of your own network',
      );
    if (file !== undefined && allowInternal === true)
      say(`${path}.allowInternal`, 'is about url, and this feed is a file', 'leave it out');
    if (column !== undefined && format !== 'csv')
      say(`${path}.column`, 'is for format csv alone', 'leave it out, or set format: csv');
    const names = countries.length + networks.length;
    if (format === 'mmdb' && names === 0)
      say(path, 'names no country and no network', 'give it countries, networks or both');
    if (format !== 'mmdb' && (names > 0 || feed.of === 'others'))
      say(
        path,
        'names countries or networks, which only a database knows',
        'set format: mmdb, or leave countries, networks and of out',
      );
    if (ca === undefined) continue;
    if (url === undefined)
      say(`${path}.ca`, 'is about url, and this feed is a file', 'leave it out');
    try {
      await readFile(ca);
    } catch (error) {
      say(`${path}.ca`, `cannot be read: ${describeError(error)}`, 'name a readable PEM file');
    }
  }
}
