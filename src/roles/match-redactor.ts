/**
 * What of a match may stand in a log: the patterns of `accessLog.redact` hold for it as they do for query strings. A
 * value whose name says that it is a secret (`ARGS:password`) is left out whole; a value that holds pairs itself (a
 * query string, a line of the request) loses those that are. Without RE2 nothing of a value is shown.
 *
 * Then the policy of the route holds (`routes[].waf.matched`, `events.matched`), as for events: where a value is shown
 * by its shape, or not at all, what a rule quotes of it (`logdata`) is not shown either.
 */
import type { MatchedPolicy } from '#config/events-schema.ts';
import type { Config } from '#config/schema.ts';
import { shapeOf } from '#core/mask-secrets.ts';
import { routeName } from '#proxy/snapshot.ts';
import type { MatchTexts } from '#wasm/host-services.ts';

type Pattern = { replace(text: string, by: string): string };

const hidden = '***';

export class MatchRedactor {
  #patterns: readonly Pattern[] | null = [];
  #policies: ReadonlyMap<string, MatchedPolicy> = new Map();

  async compile(patterns: readonly string[]): Promise<void> {
    try {
      const { default: RE2 } = await import('re2');
      this.#patterns = patterns.map((pattern) => new RE2(pattern, 'g'));
    } catch {
      this.#patterns = patterns.length === 0 ? [] : null;
    }
  }

  /** The configuration that is live now. */
  follow({ routes, events }: Pick<Config, 'routes' | 'events'>): void {
    this.#policies = new Map(
      routes.map(({ match, waf }) => [routeName(match), waf.matched ?? events.matched]),
    );
  }

  /** A route that has gone meanwhile shows nothing. */
  redact(found: MatchTexts, route: string): MatchTexts {
    const policy = this.#policies.get(route) ?? 'none';
    const texts = this.#withoutSecrets(found);
    if (policy === 'full') return texts;
    const { name, value, data, message } = texts;
    const shown = policy === 'masked' ? shapeOf(value) : '';
    return {
      name,
      value: shown,
      data: data === '' ? '' : shown,
      message: value === '' ? message : message.replaceAll(value, () => shown || hidden),
    };
  }

  #withoutSecrets({ name, value, data, message }: MatchTexts): MatchTexts {
    const patterns = this.#patterns;
    if (patterns === null) return { name, value: hidden, data: hidden, message: hidden };
    const clean = (text: string): string => {
      let left = text;
      for (const pattern of patterns) left = pattern.replace(left, `$1${hidden}`);
      return left;
    };
    const pair = `${name.slice(name.indexOf(':') + 1)}=${value.replaceAll('&', ' ')}`;
    if (value !== '' && clean(pair) !== pair)
      return {
        name,
        value: hidden,
        data: data === '' ? '' : hidden,
        message: message.replaceAll(value, hidden),
      };
    return { name, value: clean(value), data: clean(data), message: clean(message) };
  }
}
