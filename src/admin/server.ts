/**
 * The management API of a node: HTTP in front of a `NodeControl`. What guards it is `#admin/api-listener.ts`;
 * who holds the token of the state directory may do everything, and whom a control plane sends what it grants.
 */
import type { FastifyBaseLogger } from 'fastify';
import { type ApiServer, startApi } from '#admin/api-listener.ts';
import type { ApiCaller } from '#admin/api-roles.ts';
import { compileTokenCheck } from '#admin/caller-checks.ts';
import type { NodeControl } from '#admin/control.ts';
import { checkGrantedBodies } from '#admin/granted-body.ts';
import { addRoutes } from '#admin/routes.ts';

export type AdminOptions = {
  readonly control: NodeControl;
  /** host:port; IPv6 as `[::1]:9999`; port 0 lets the system pick. */
  readonly address: string;
  /** A socket bound to that address already; null to bind here. */
  readonly descriptor?: number | null;
  readonly token: string;
  readonly logger: FastifyBaseLogger;
  /** Null, or left out: nobody else's word counts. */
  readonly grants?: GrantCheck | null;
};

/** What a control plane that is believed has granted to somebody. */
export type GrantedCall = { readonly caller: ApiCaller; readonly bodySha256: string };
/** Null where the field is no grant. */
export type GrantCheck = (
  authorization: string | undefined,
  method: string,
  path: string,
) => GrantedCall | 'wrong' | null;

export type AdminServer = ApiServer;

const owner: ApiCaller = { name: 'token', role: 'admin' };

export function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const checkToken = compileTokenCheck(options.token);
  return startApi({
    address: options.address,
    descriptor: options.descriptor ?? null,
    logger: options.logger,
    name: 'management API',
    setting: 'admin.address (WEIR_ADMIN_ADDRESS)',
    tokenHint:
      'send "Authorization: Bearer TOKEN", with TOKEN from the file "token" in the daemon\'s state directory',
    identify: (request) => {
      const { authorization } = request.headers;
      const granted = options.grants?.(authorization, request.method, request.url) ?? null;
      if (granted === null) {
        const outcome = checkToken(authorization);
        return outcome === 'ok' ? owner : outcome;
      }
      if (granted === 'wrong') return granted;
      request.grantedBody = granted.bodySha256;
      return granted.caller;
    },
    addRoutes: (app) => {
      checkGrantedBodies(app);
      addRoutes(app, options.control);
    },
  });
}
