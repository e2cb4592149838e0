/**
 * The management API of a node: HTTP in front of a `NodeControl`. What guards it is `#admin/api-listener.ts`;
 * who holds the token of the state directory may do everything.
 */
import type { FastifyBaseLogger } from 'fastify';
import { type ApiServer, startApi } from '#admin/api-listener.ts';
import type { ApiCaller } from '#admin/api-roles.ts';
import { compileTokenCheck } from '#admin/caller-checks.ts';
import type { NodeControl } from '#admin/control.ts';
import { addRoutes } from '#admin/routes.ts';

export type AdminOptions = {
  readonly control: NodeControl;
  /** host:port; IPv6 as `[::1]:9999`; port 0 lets the system pick. */
  readonly address: string;
  /** A socket bound to that address already; null to bind here. */
  readonly descriptor?: number | null;
  readonly token: string;
  readonly logger: FastifyBaseLogger;
};

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
    identify: ({ headers }) => {
      const outcome = checkToken(headers.authorization);
      return outcome === 'ok' ? owner : outcome;
    },
    addRoutes: (app) => addRoutes(app, options.control),
  });
}
