/**
 * What a caller of an API may do. Each role may do all that the one before it may: `read` looks, `operate`
 * runs what is there (blocks, drains), `admin` changes who may do what and which code runs.
 */
export const apiRoles = ['read', 'operate', 'admin'] as const;
export type ApiRole = (typeof apiRoles)[number];

export type ApiCaller = {
  /** What the log and the audit call it. */
  readonly name: string;
  readonly role: ApiRole;
};

export function mayAs(role: ApiRole, needed: ApiRole): boolean {
  return apiRoles.indexOf(role) >= apiRoles.indexOf(needed);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Null for the public routes. */
    caller: ApiCaller | null;
  }
  interface FastifyContextConfig {
    /** `public` needs no token. Where a route says nothing, GET is for `read` and all else for `operate`. */
    needs?: ApiRole | 'public';
  }
}
