/**
 * The request of an event, as far as the event tells: what rules are tried on where nothing was recorded. What matched
 * stands in it at its place; what was masked does not come back.
 */
import type { EcsEvent } from './ecs-event.ts';

export type ToldRequest = {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** latin1. */
  readonly body: string;
  readonly clientAddress: string;
};

export function requestOfEvent({ http, url, source, weir }: EcsEvent): ToldRequest | null {
  if (http === undefined || url === undefined) return null;
  const query = url.query ?? '';
  const names = new Set(query.split('&').map((pair) => decoded(pair.split('=')[0] ?? '')));
  const form: string[] = [];
  const fields = new Map<string, string>([
    ['Host', url.domain ?? 'localhost'],
    ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
    ['Accept', '*/*'],
  ]);
  let body = '';
  for (const { target, matched } of weir.matches ?? []) {
    if (matched === undefined || matched === '') continue;
    const [collection = '', ...rest] = target.split(':');
    const name = rest.join(':');
    if (/^ARGS(?:_GET|_POST)?$/.test(collection) && name !== '' && !names.has(name)) {
      names.add(name);
      form.push(`${encoded(name)}=${encoded(matched)}`);
    } else if (/^REQUEST_HEADERS$|^header$/.test(collection) && name !== '')
      fields.set(name, matched.replaceAll(/[\r\n]/g, ' '));
    else if (collection === 'REQUEST_BODY') body = matched;
  }
  const isForm = form.length > 0 && body === '';
  if (isForm) {
    body = form.join('&');
    fields.set('Content-Type', 'application/x-www-form-urlencoded');
  }
  if (body !== '') fields.set('Content-Length', String(body.length));
  const { method } = http.request;
  return {
    method: body !== '' && /^(?:GET|HEAD)$/.test(method) ? 'POST' : method,
    target: query === '' ? url.path : `${url.path}?${query}`,
    version: 'HTTP/1.1',
    fields: [...fields],
    body,
    clientAddress: source?.ip ?? '192.0.2.1',
  };
}

/** Texts of an event are latin1. */
const encoded = (text: string): string =>
  [...Buffer.from(text, 'latin1')]
    .map((byte) =>
      /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`,
    )
    .join('');

function decoded(text: string): string {
  return text
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
}
