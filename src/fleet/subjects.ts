/**
 * Every subject of a fleet. Who may publish which is written by `weir fleet init` into the server's
 * permissions from these functions (`server-config.ts`), so that the two cannot differ.
 *
 * ```
 * weir.F.d.ISSUER               batches of decisions, signed     (kept for a while by the stream WEIR_F_D)
 * weir.F.n.NODE.hello           who a node is
 * weir.F.n.NODE.beat            how it is
 * weir.F.n.NODE.digest          what it knows, as hashes
 * weir.F.n.NODE.roster          which list of members it believes
 * weir.F.n.NODE.rules           which rules it runs, see `#rollout/node-report.ts`
 * weir.F.n.NODE.ack.ISSUER      what it enforces of an issuer, heard by that issuer alone
 * weir.F.c.NODE                 what a node has counted, signed
 * weir.F.o.NODE                 commands to a node, signed
 * weir.F.s.MEMBER               asks a member for batches it has; answered in bounded pieces
 * ```
 */

/** Fleet and member names are one token of a subject, of a stream's name and of a file's. */
export const memberPattern = '^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$';
const memberExpression = new RegExp(memberPattern);

export const isMemberName = (name: string): boolean => memberExpression.test(name);

export type NodeMessageKind = 'hello' | 'beat' | 'digest' | 'rules' | 'roster';

export const decisionsSubject = (fleet: string, issuer: string): string =>
  `weir.${fleet}.d.${issuer}`;
export const nodeSubject = (fleet: string, node: string, kind: NodeMessageKind): string =>
  `weir.${fleet}.n.${node}.${kind}`;
export const ackSubject = (fleet: string, node: string, issuer: string): string =>
  `weir.${fleet}.n.${node}.ack.${issuer}`;
/** All that one member, or every one, says of itself. */
export const nodeSubjects = (fleet: string, node: string): string => `weir.${fleet}.n.${node}.>`;
export const countsSubject = (fleet: string, node: string): string => `weir.${fleet}.c.${node}`;
export const commandSubject = (fleet: string, node: string): string => `weir.${fleet}.o.${node}`;
export const batchesSubject = (fleet: string, member: string): string =>
  `weir.${fleet}.s.${member}`;

/** What a member listens to; `*` where a member's name stands. */
export const everyMember = '*';

/** Subjects under which answers to a member's requests come, readable by it alone. */
export const inboxPrefix = (member: string): string => `_INBOX_${member}`;

export const decisionStream = (fleet: string): string => `WEIR_${fleet}_D`;
export const keyValueBucket = (fleet: string): string => `WEIR_${fleet}`;
/** Of the rules: a key-value bucket for what is signed, an object store for bytes. */
export const rulesBucket = (fleet: string): string => `WEIR_${fleet}_R`;
/** The key of the set that nodes run. */
export const ruleSetKey = 'set';

/** The member a subject says it is from (`weir.F.n.NODE.beat`, `weir.F.d.ISSUER`); null where it has none. */
export function memberOf(subject: string): string | null {
  const member = subject.split('.', 5)[3];
  return member !== undefined && isMemberName(member) ? member : null;
}
