/** `upstreams`: the backends, and how they are reached. */
import Type, { type Static } from 'typebox';
import { milliseconds, strict } from './schema-parts.ts';

export const upstream = Type.Object(
  {
    servers: Type.Array(
      Type.Object({ url: Type.String({ description: 'http://host:port' }) }, strict),
      { minItems: 1, maxItems: 256, description: 'the servers, used in turn (round robin)' },
    ),
    connectionsMax: Type.Integer({
      minimum: 1,
      maximum: 65_535,
      default: 256,
      description: 'connections to each server, per worker; beyond it requests wait',
    }),
    waitingMax: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 1024,
      description: 'requests waiting for a connection, per server and worker; beyond it 503',
    }),
    idleMs: milliseconds(4_000, 'how long an unused connection is kept'),
  },
  strict,
);

export type Upstream = Static<typeof upstream>;
