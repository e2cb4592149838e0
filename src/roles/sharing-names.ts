/** Under which names workers share values, counts and buckets: what belongs to no other is forgotten. */
import type { Config } from '#config/schema.ts';
import { loginFilterName } from '#proxy/logins/login-filter.ts';
import { rateName } from '#proxy/rates/compile-rates.ts';

export function sharingNames(config: Config): ReadonlySet<string> {
  return new Set([
    ...Object.keys(config.waf.rules),
    ...config.rates.map(({ name }) => rateName(name)),
    ...(config.behaviour === undefined ? [] : [loginFilterName]),
  ]);
}
