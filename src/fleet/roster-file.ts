/**
 * `roster.json`: who the members of a fleet are and were, in the folder that `weir fleet init` made. All other files
 * of the fleet that are no secrets come from it: the users of `nats-server.conf`, and `trust.json`, which the owner
 * signs.
 *
 * ```
 * roster.json ─┬─► trust.json        signed with owner.key, the same for all members
 *              └─► nats-server.conf  a user for each member that has not left
 * ```
 *
 * A member that left in peace stays in it until what it issued has ended; one whose key was stolen is out at once, and
 * its keys stay in a list of those that may never be had again.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Check, Errors } from 'typebox/value';
import { describeError, WeirError } from '#core/errors.ts';
import { decisionLifeMaxMs } from '#decisions/decision.ts';
import { signRoster } from '#decisions/roster-signature.ts';
import { fleetPattern, parseTrust, publicKeyText, trustMember } from '#decisions/trust.ts';
import type { ServerUser } from './server-config.ts';
import { memberPattern } from './subjects.ts';

const strict = { additionalProperties: false } as const;
/** The oldest changes are forgotten first. */
const historyMax = 5_000;
const membersMax = 1_000;

const natsKey = Type.String({ pattern: '^U[A-Z2-7]{55}$' });
const time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z$' });
const rosterMember = Type.Object(
  {
    ...trustMember.properties,
    id: Type.String({ pattern: memberPattern }),
    /** Of one that left before there was a roster nobody knows it. */
    nats: Type.Optional(natsKey),
  },
  strict,
);
const rosterFile = Type.Object(
  {
    format: Type.Literal(1),
    fleet: Type.String({ pattern: fleetPattern }),
    version: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    /** As members dial them. */
    servers: Type.Array(Type.String({ pattern: '^(?:nats|tls)://[^\\s/@]+:[0-9]{1,5}$' }), {
      minItems: 1,
      maxItems: 16,
    }),
    members: Type.Array(rosterMember, { minItems: 1, maxItems: membersMax }),
    stolen: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: memberPattern }),
          nats: Type.Optional(natsKey),
          key: trustMember.properties.key,
          since: time,
        },
        strict,
      ),
      { maxItems: membersMax },
    ),
    history: Type.Array(
      Type.Object(
        { version: Type.Integer(), at: time, change: Type.String({ maxLength: 500 }) },
        strict,
      ),
      { maxItems: historyMax },
    ),
  },
  strict,
);

export type RosterFile = Static<typeof rosterFile>;
export type RosterMember = Static<typeof rosterMember>;

/** Throws FLEET_FOLDER_INVALID. */
export function parseRoster(text: string, path: string): RosterFile {
  const invalid = (why: string): WeirError =>
    new WeirError('FLEET_FOLDER_INVALID', `${path} is no roster of a fleet: ${why}`, {
      details: [`the one before stands beside it as ${path}.before`],
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is not JSON (${describeError(error)})`);
  }
  if (!Check(rosterFile, value)) {
    const [first] = Errors(rosterFile, value);
    const at = first?.instancePath.slice(1).replaceAll('/', '.') ?? '';
    throw invalid(`${at === '' ? 'the file' : at}: ${first?.message ?? 'has another shape'}`);
  }
  for (const member of value.members)
    if (
      value.stolen.some(
        ({ nats, key }) => key === member.key || (nats !== undefined && nats === member.nats),
      )
    )
      throw invalid(`${member.id} has a key that stands among the stolen ones`);
  return value;
}

export const encodeRoster = (roster: RosterFile): string => `${JSON.stringify(roster, null, 2)}\n`;

/** The next version, with its line in the history. */
export function changedRoster(
  roster: RosterFile,
  change: Partial<Pick<RosterFile, 'members' | 'stolen'>> & { readonly what: string },
  now: string,
): RosterFile {
  const { what, ...parts } = change;
  const version = roster.version + 1;
  const history = [...roster.history, { version, at: now, change: what }].slice(-historyMax);
  return { ...roster, ...parts, version, history };
}

/** Without members whose last decision has ended. */
export function presentMembers(members: readonly RosterMember[], nowMs: number): RosterMember[] {
  return members.filter(
    ({ retired }) => retired === undefined || Date.parse(retired) + 2 * decisionLifeMaxMs > nowMs,
  );
}

/** Throws FLEET_TRUST_INVALID for what members would not take. */
export function trustText(roster: RosterFile, ownerKey: KeyObject): string {
  const { fleet, version } = roster;
  const owner = publicKeyText(createPublicKey(ownerKey));
  const members = roster.members.map(({ nats: _, ...member }) => member);
  const stolen = roster.stolen.map(({ id, key, since }) => ({ id, key, since }));
  const signature = signRoster({ fleet, version, owner, members, stolen }, ownerKey);
  const text = `${JSON.stringify({ fleet, version, owner, members, stolen, signature }, null, 2)}\n`;
  parseTrust(text, 'the trust file of this roster');
  return text;
}

export function serverUsers({ members }: RosterFile): ServerUser[] {
  return members.flatMap(({ id, role, nats, retired }) =>
    nats === undefined || retired !== undefined ? [] : [{ id, role, publicKey: nats }],
  );
}
