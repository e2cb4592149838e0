/**
 * What the edge answers itself, before redirects, routes and rules: a certificate authority that looks
 * whether the name is ours, and the solution of a challenge. Everything else under these paths is a request
 * like all others.
 */
import type { RequestView } from '#waf/request-view.ts';
import type { ProxyContext } from './context.ts';
import type { OwnAnswer } from './error-page.ts';
import type { Snapshot } from './snapshot.ts';

export function ownPathAnswer(
  context: ProxyContext,
  snapshot: Snapshot,
  view: RequestView,
  address: string,
  isTls: boolean,
): OwnAnswer | null {
  const proof = context.challenges.httpProof(view);
  if (proof !== null) {
    context.metrics.acmeProofs['http-01'].value++;
    const contentType = 'application/octet-stream';
    return { status: 200, fields: '', contentType, body: proof, reason: 'ACME challenge' };
  }
  if (!snapshot.givesPasses) return null;
  return context.clientChallenges.solve(view, address, isTls, snapshot.challenge);
}
