/**
 * Responses as a careful origin would send them: protective fields where they are missing, none that tell
 * an attacker what runs behind, cookies with their flags.
 *
 * What the origin says stands: it knows its pages. The built-in values are those that break next to no
 * site; a policy for scripts is the site's own to write (`fields`).
 */
import { startsWithIgnoreCase } from '../../sdk/bytes';
import { Config } from '../../sdk/config';
import { Response } from '../../sdk/response';
import { removeHeader, verdict } from '../../sdk/verdict';
import { configureCookies, hardenCookies } from './cookies';
import { configureFields, documentsOnly, Fields, namesToRemove, tlsOnly } from './fields';

export { weir_abi, weir_reserve } from '../../sdk/module';

const fields = new Fields();
let removed: string[] = [
  'server',
  'x-aspnet-version',
  'x-aspnetmvc-version',
  'x-generator',
  'x-powered-by',
  'x-runtime',
];

export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  fields.set('x-content-type-options', 'nosniff');
  fields.set('referrer-policy', 'strict-origin-when-cross-origin');
  fields.set(
    'content-security-policy',
    "base-uri 'self'; frame-ancestors 'self'; object-src 'none'",
    documentsOnly,
  );
  fields.set('x-frame-options', 'SAMEORIGIN', documentsOnly);
  fields.set('cross-origin-opener-policy', 'same-origin-allow-popups', documentsOnly);
  fields.set('permissions-policy', 'camera=(), geolocation=(), microphone=()', documentsOnly);
  // A year (RFC 6797, 6.1.1); subdomains are the site's own decision.
  fields.set('strict-transport-security', 'max-age=31536000', tlsOnly);
  configureFields(fields, config);
  if (config.has('remove')) removed = namesToRemove(config);
  configureCookies(config);
  return config.done();
}

export function weir_response_head(view: usize): usize {
  const response = changetype<Response>(view);
  const isTls = response.request.isTls;
  for (let i = 0; i < removed.length; i++)
    if (response.find(removed[i]) >= 0) removeHeader(removed[i]);
  fields.complete(response, isDocument(response), isTls);
  hardenCookies(response, isTls);
  return verdict();
}

/** A page, where a policy for what it may load and who may frame it means something. */
function isDocument(response: Response): bool {
  const index = response.find('content-type');
  if (index < 0) return false;
  const header = response.header(index);
  const at = response.valueAt(header);
  return (
    startsWithIgnoreCase(at, header.valueLength, 'text/html') ||
    startsWithIgnoreCase(at, header.valueLength, 'application/xhtml+xml')
  );
}
