/** The listeners as `weir status` names them: what each does, and what clients may speak to it. */
import type { ListenerStatus } from '#admin/control.ts';
import type { Config } from '#config/schema.ts';

type Listener = Config['edge']['listeners'][number];

/** `addresses` are those bound, by listener index. */
export function listenerStatus(config: Config, addresses: readonly string[]): ListenerStatus[] {
  return addresses.map((address, index) => {
    const listener = config.edge.listeners[index];
    return {
      address,
      kind: kindOf(listener),
      protocols: protocolsOf(listener),
      upstream: listener?.tcp?.upstream ?? null,
      clientCertificates: listener?.tls?.clientCertificates.mode ?? 'off',
      proxyProtocol: listener?.proxyProtocol !== undefined,
    };
  });
}

function kindOf(listener: Listener | undefined): ListenerStatus['kind'] {
  if (listener?.tls !== undefined) return 'tls';
  if (listener?.redirect !== undefined) return 'redirect';
  return listener?.tcp !== undefined ? 'tcp' : 'plaintext';
}

/** As the listener itself decides it: HTTP/2 is on with tls and off without, unless the key says so. */
function protocolsOf(listener: Listener | undefined): ListenerStatus['protocols'] {
  if (listener === undefined || listener.tcp !== undefined) return [];
  const isTls = listener.tls !== undefined;
  const hasHttp2 = listener.redirect === undefined && (listener.http2 ?? isTls);
  return hasHttp2 ? ['http1', 'http2'] : ['http1'];
}
