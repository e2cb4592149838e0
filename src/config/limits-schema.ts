/** `edge.limits` and `edge.timeouts`: what a client may cost. */
import Type from 'typebox';
import { bytes, milliseconds, strict } from './schema-parts.ts';

export const limits = Type.Object(
  {
    headBytesMax: bytes(32_768, 1_048_576, 'request line and header fields together'),
    urlBytesMax: bytes(8_192, 65_536, 'request target'),
    headersMax: Type.Integer({
      minimum: 1,
      maximum: 1_000,
      default: 100,
      description: 'header fields in a request',
    }),
    parametersMax: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 100,
      description: 'parameters in the query',
    }),
    parameterBytesMax: bytes(8_192, 65_536, 'one parameter of the query, name and value'),
    bodyBytesPerSecondMin: Type.Integer({
      minimum: 0,
      maximum: 1_000_000_000,
      default: 256,
      description:
        'rate a request body must keep, as a mean, once bodyIdleMs have passed; 0 for none (bytes/s)',
    }),
    bodyBytesMax: bytes(10_485_760, Number.MAX_SAFE_INTEGER, 'request body'),
    pipelinedBytesMax: bytes(
      65_536,
      1_048_576,
      'bytes kept of requests sent ahead of an answer; then reading pauses',
    ),
    connectionsMax: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 100_000,
      description: 'client connections over all workers',
    }),
  },
  { ...strict, default: {} },
);

export const timeouts = Type.Object(
  {
    handshakeMs: milliseconds(10_000, 'TLS handshake'),
    headMs: milliseconds(10_000, 'from the first byte of a request to the end of its head'),
    bodyIdleMs: milliseconds(10_000, 'between two pieces of a request body'),
    idleMs: milliseconds(60_000, 'between two requests on a kept-alive connection'),
    connectMs: milliseconds(5_000, 'connect to an upstream server, and wait for a free connection'),
    responseMs: milliseconds(60_000, 'from the request sent to the head of the response'),
    sendMs: milliseconds(
      60_000,
      'between two pieces of a response, from the upstream or to the client',
    ),
    tunnelIdleMs: milliseconds(3_600_000, 'an upgraded connection without a byte either way'),
    drainIdleMs: milliseconds(
      1_000,
      'an idle connection may still be used when draining; then it is closed',
    ),
    drainMs: milliseconds(
      60_000,
      'finish what is in flight when draining; then connections are cut',
    ),
  },
  { ...strict, default: {} },
);
