/** `routes`: which request goes where, and under which rules. */
import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

export const route = Type.Object(
  {
    match: Type.Object(
      {
        host: Type.String({
          default: '*',
          description: 'a host name, "*.example.org" for any one or more labels before it, or "*"',
        }),
        path: Type.String({
          default: '/',
          pattern: '^/',
          description: 'path prefix, matched at segment borders',
        }),
      },
      { ...strict, default: {} },
    ),
    upstream: Type.String({ description: 'a name under upstreams' }),
    websocket: Type.Boolean({ default: true, description: 'let Upgrade requests through' }),
    waf: Type.Object(
      {
        mode: Type.Union([Type.Literal('block'), Type.Literal('monitor'), Type.Literal('off')], {
          default: 'block',
          description: 'block; monitor: decide and log, never stop; off: run no rules',
        }),
        rules: Type.Array(Type.String(), {
          default: [],
          maxItems: 64,
          description: 'names under waf.rules, in the order they run',
        }),
      },
      { ...strict, default: {} },
    ),
  },
  strict,
);

export type Route = Static<typeof route>;
export type WafMode = Route['waf']['mode'];
