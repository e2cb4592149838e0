/**
 * Proving that the names of an order are ours: challenges made live on every worker first, then the server
 * told to look, then its verdict awaited for each name (RFC 8555 section 7.5).
 */
import { type AcmeClient, type Authorization, innerError, type Order } from './acme-client.ts';
import { AcmeError } from './acme-error.ts';
import type { ChallengeKind } from './acme-settings.ts';
import { makeTlsAlpnCertificate } from './certificate-request.ts';
import type { ChallengeBoard, LiveChallenges } from './challenge-board.ts';
import { type PollOptions, pollUntil } from './polling.ts';

export type ProofRun = {
  readonly client: AcmeClient;
  readonly board: ChallengeBoard;
  /** Under which name the challenges stand on the board. */
  readonly owner: object;
  readonly order: Order;
  /** Of the account key. */
  readonly thumbprint: string;
  /** In the order they are tried. */
  readonly kinds: readonly ChallengeKind[];
  readonly poll: PollOptions;
};

type Challenge = Authorization['challenges'][number] & { readonly token: string };
type Pending = {
  readonly at: string;
  readonly name: string;
  readonly kind: ChallengeKind;
  readonly challenge: Challenge;
};

/** The kind used; null when the server asked for no proof. */
export async function proveNames(run: ProofRun): Promise<ChallengeKind | null> {
  const { client, board, order, poll } = run;
  const pending: Pending[] = [];
  for (const at of order.authorizations) {
    const { value } = await client.authorization(at);
    if (value.status !== 'valid') pending.push({ at, ...chosen(value, run.kinds) });
  }
  await board.publish(run.owner, await liveChallenges(pending, run.thumbprint));
  for (const { name, challenge } of pending) {
    // Of an order taken up again some may have been told already.
    if (challenge.status === 'pending') await client.answerChallenge(name, challenge);
  }
  for (const { at, name } of pending) {
    const ended = await pollUntil(
      `the proof of ${name}`,
      null,
      () => client.authorization(at),
      ({ status }) => status !== 'pending',
      poll,
    );
    if (ended.status !== 'valid') throw failureOf(name, ended);
  }
  return pending[0]?.kind ?? null;
}

async function liveChallenges(
  pending: readonly Pending[],
  thumbprint: string,
): Promise<LiveChallenges> {
  const authorizationOf = ({ challenge: { token } }: Pending) => `${token}.${thumbprint}`;
  return {
    http: pending
      .filter(({ kind }) => kind === 'http-01')
      .map((one) => ({ token: one.challenge.token, keyAuthorization: authorizationOf(one) })),
    tls: await Promise.all(
      pending
        .filter(({ kind }) => kind === 'tls-alpn-01')
        .map(async (one) => ({
          name: one.name,
          ...(await makeTlsAlpnCertificate(one.name, authorizationOf(one))),
        })),
    ),
  };
}

function chosen(
  authorization: Authorization,
  kinds: readonly ChallengeKind[],
): Omit<Pending, 'at'> {
  const name = authorization.identifier.value.toLowerCase();
  if (authorization.status !== 'pending') throw failureOf(name, authorization);
  for (const kind of kinds) {
    for (const challenge of authorization.challenges) {
      const { token } = challenge;
      if (challenge.type === kind && token !== undefined)
        return { name, kind, challenge: { ...challenge, token } };
    }
  }
  const offered = authorization.challenges.map(({ type }) => type).join(', ');
  throw new AcmeError(
    `the ACME server offers ${offered || 'nothing'} for ${name}, and this node answers ${kinds.join(', ')}`,
    { type: 'unsupportedChallenge' },
  );
}

function failureOf(name: string, { status, challenges }: Authorization): AcmeError {
  const failed = challenges.find((challenge) => challenge.error !== undefined);
  if (failed !== undefined) return innerError(`the ${failed.type} proof of ${name}`, failed.error);
  return new AcmeError(`the ACME server holds the proof of ${name} for ${status}`, {
    type: 'unauthorized',
  });
}
