/** `edge.limits` and `edge.timeouts`: what a client may cost. */
import Type from 'typebox';
import { bytes, count, milliseconds, strict } from './schema-parts.ts';

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
    addressConnectionsMax: count(
      50,
      1_000_000,
      'client connections from one IPv4 address or IPv6 /64, over all workers',
    ),
    connectionsPerSecondMax: count(
      1_000,
      1_000_000,
      'new client connections a second, over all workers',
    ),
    unlimitedAddresses: Type.Array(Type.String(), {
      default: ['127.0.0.0/8', '::1'],
      maxItems: 1_024,
      description:
        'addresses and CIDR ranges that limits by address and by second do not hold for, beside edge.trustedProxies',
    }),
    handshakesMax: count(10_000, 1_000_000, 'TLS handshakes under way, over all workers'),
    addressHandshakesPerSecondMax: count(
      20,
      1_000_000,
      'new TLS handshakes a second from one IPv4 address or IPv6 /64, over all workers',
    ),
    requestsPerConnectionMax: count(
      10_000,
      1_000_000_000,
      'requests on one connection; the last is answered with Connection: close',
    ),
    shedAtLoopDelayMs: Type.Integer({
      minimum: 1,
      maximum: 86_400_000,
      default: 1_000,
      description:
        'how late a worker may be with its work; beyond it new requests get 503 until it has caught up (ms)',
    }),
    shedAtRequests: count(
      50_000,
      1_000_000,
      'requests under way over all workers; beyond it new ones get 503',
    ),
  },
  { ...strict, default: {} },
);

export const timeouts = Type.Object(
  {
    handshakeMs: milliseconds(10_000, 'TLS handshake, and the PROXY header before it'),
    ticketRotationMs: milliseconds(
      43_200_000,
      'how long TLS session tickets are made with one key',
    ),
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
    workerHangMs: Type.Integer({
      minimum: 1_000,
      maximum: 86_400_000,
      default: 15_000,
      description:
        'a worker that works so long without coming back to its event loop, or stands still in it, is ended and replaced; time it waits for a processor does not count (ms)',
    }),
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
