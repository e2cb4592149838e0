/**
 * Fields the edge writes itself: framing, hop-by-hop, and who the client is. Neither a route nor a module
 * may set or remove one. Names in lower case; the codec's own table has the same (`test/proxy/field-kind`).
 */
export const ownFields: ReadonlySet<string> = new Set([
  ...[
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'upgrade',
    'expect',
    'keep-alive',
  ],
  ...['te', 'trailer', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization'],
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-real-ip'],
  ...['forwarded', 'x-request-id', 'client-cert', 'client-cert-chain'],
]);
