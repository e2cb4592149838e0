/**
 * One block on its way round the fleet of the demo: asked for at one member, and at every node a client of that
 * address connects again and again until its connection is cut. All times are of one clock, from the moment the
 * block is asked for to the moment the client at that node was refused.
 *
 * That a node refuses everybody is no block: a bystander has to get its answer there afterwards.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '#core/errors.ts';

export type DemoNode = { readonly id: string; readonly port: number };

export type Round = {
  readonly number: number;
  readonly target: string;
  /** The member that was asked for the block. */
  readonly issuer: string;
  /** By node, from the asking to the refused connection (ms); null where it was let in to the end. */
  readonly refusedAfterMs: ReadonlyMap<string, number | null>;
};

/** Of RFC 5737, blocked one after the other; each is free again before its turn comes round. */
export const targetOf = (round: number): string => `203.0.113.${((round - 1) % 254) + 1}`;
const bystander = '198.51.100.1';
/** Longer than that it is shown as not refused. */
const roundMsMax = 10_000;
const probeMsMax = 5_000;
/** Between two connections of the client to one node. */
const pauseMs = 2;

export async function runRound(
  nodes: readonly DemoNode[],
  round: Pick<Round, 'number' | 'target' | 'issuer'>,
  block: () => Promise<unknown>,
): Promise<Round> {
  const { target } = round;
  await expectAnswers(nodes, target, 'before it is blocked');
  const startedAt = performance.now();
  const watches = nodes.map(async ({ id, port }): Promise<[string, number | null]> => {
    while (performance.now() - startedAt < roundMsMax) {
      if ((await probe(port, target)) === 'refused') return [id, performance.now() - startedAt];
      await sleep(pauseMs);
    }
    return [id, null];
  });
  const [watched] = await Promise.all([Promise.all(watches), block()]);
  await expectAnswers(nodes, bystander, 'who is not blocked');
  return { ...round, refusedAfterMs: new Map(watched) };
}

async function expectAnswers(
  nodes: readonly DemoNode[],
  client: string,
  words: string,
): Promise<void> {
  const answers = await Promise.all(nodes.map(({ port }) => probe(port, client)));
  const refusing = nodes.filter((_, index) => answers[index] === 'refused').map(({ id }) => id);
  if (refusing.length > 0)
    throw new WeirError(
      'FLEET_DEMO_FAILED',
      `${refusing.join(', ')} refused ${client}, ${words}: what is measured then is no block`,
    );
}

/** A request of a client with this address. Refused: its connection was closed without an answer. */
export function probe(port: number, client: string): Promise<'answered' | 'refused'> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let wasAnswered = false;
    socket.setTimeout(probeMsMax, () => {
      // Silence is no refusal.
      wasAnswered = true;
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('data', () => {
      wasAnswered = true;
      socket.destroy();
    });
    socket.on('close', () => resolve(wasAnswered ? 'answered' : 'refused'));
    socket.write(
      `PROXY TCP4 ${client} 127.0.0.1 40000 80\r\nGET / HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n`,
    );
  });
}
