/**
 * Properties that are parts of the request line, as a guest writes them: by Envoy's names, and `request.url` as the
 * host writes it that the AssemblyScript SDK is made for.
 *
 * An address has a scheme and a host as well. They say which site was asked and which route was found, so they must
 * be those that came: what is written moves a request within its site.
 */
import { type RequestLine, requestLineOf } from '#waf/request-line.ts';
import type { Transaction } from '#waf/transaction.ts';
import type { HeaderMap } from './header-map.ts';

type Stream = { readonly transaction: Transaction; readonly requestHeaders: HeaderMap };

export const isLineProperty = (name: string): boolean => Object.hasOwn(changes, name);

/** `name` is one of them. Text: why it cannot be that. */
export function lineChange(
  name: string,
  value: string,
  stream: Stream,
): Partial<RequestLine> | string {
  return changes[name]?.(value, stream) ?? `${name} is not to be written`;
}

const changes: Readonly<
  Record<string, (value: string, stream: Stream) => Partial<RequestLine> | string>
> = {
  'request.method': (method) => ({ method }),
  'request.path': (uri) => ({ uri }),
  'request.url_path': (path, stream) =>
    path.includes('?') ? 'a path has no ?' : { uri: path + queryOf(stream) },
  'request.query': (query, stream) => ({
    uri: pathOf(stream) + (query === '' ? '' : `?${query}`),
  }),
  'request.url': (url, { requestHeaders }) => {
    const site = `${requestHeaders.get(':scheme')}://${requestHeaders.get(':authority') ?? ''}`;
    const rest = url.slice(site.length);
    if (!url.toLowerCase().startsWith(site.toLowerCase()) || !/^(?:[/?]|$)/.test(rest))
      return `another scheme or host than ${site}: a request stays on its site`;
    return { uri: rest.startsWith('/') ? rest : `/${rest}` };
  },
};

const uriOf = ({ transaction }: Stream): string => requestLineOf(transaction.request).uri;
const pathOf = (stream: Stream): string => uriOf(stream).split('?', 1)[0] ?? '';
const queryOf = (stream: Stream): string => uriOf(stream).slice(pathOf(stream).length);
