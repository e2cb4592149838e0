/**
 * The configuration of a NATS server for one fleet: an account of its own, a user for each member, and what
 * each may say and hear. A member whose key was stolen can say things of itself and sign as itself; it cannot
 * speak as another, listen to another's answers, or touch streams, consumers and the account.
 *
 * A node may be asked for batches, so it may answer: one message to the subject a request named, for a minute.
 */
import {
  ackSubject,
  batchesSubject,
  commandSubject,
  countsSubject,
  decisionStream,
  decisionsSubject,
  everyMember,
  inboxPrefix,
  keyValueBucket,
  nodeSubject,
  nodeSubjects,
  ruleSetKey,
  rulesBucket,
} from './subjects.ts';

export type ServerUser = {
  readonly id: string;
  readonly role: 'node' | 'orchestrator';
  /** As `nkey.ts` writes it. */
  readonly publicKey: string;
};

export type Permissions = {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
};

export function permissionsOf(fleet: string, { id, role }: ServerUser): Permissions {
  const stream = decisionStream(fleet);
  const bucket = keyValueBucket(fleet);
  const rules = rulesBucket(fleet);
  const every = everyMember;
  const publish = [
    nodeSubjects(fleet, id),
    decisionsSubject(fleet, id),
    batchesSubject(fleet, every),
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.KV_${rules}`,
    `$JS.API.DIRECT.GET.OBJ_${rules}`,
  ];
  const subscribe = [
    `${inboxPrefix(id)}.>`,
    batchesSubject(fleet, id),
    decisionsSubject(fleet, every),
  ];
  if (role === 'node')
    return {
      publish: [...publish, countsSubject(fleet, id)],
      subscribe: [
        ...subscribe,
        countsSubject(fleet, every),
        commandSubject(fleet, id),
        nodeSubject(fleet, every, 'hello'),
        nodeSubject(fleet, every, 'digest'),
        nodeSubject(fleet, every, 'roster'),
        ackSubject(fleet, every, id),
        `$KV.${rules}.${ruleSetKey}`,
      ],
    };
  return {
    publish: [
      ...publish,
      commandSubject(fleet, every),
      `$JS.API.STREAM.CREATE.${stream}`,
      `$JS.API.STREAM.INFO.KV_${bucket}`,
      `$JS.API.STREAM.CREATE.KV_${bucket}`,
      `$JS.API.DIRECT.GET.KV_${bucket}`,
      `$KV.${bucket}.>`,
      ...[`KV_${rules}`, `OBJ_${rules}`].flatMap((name) => [
        `$JS.API.STREAM.INFO.${name}`,
        `$JS.API.STREAM.CREATE.${name}`,
      ]),
      // Chunks of what nobody needs any more.
      `$JS.API.STREAM.PURGE.OBJ_${rules}`,
      `$KV.${rules}.>`,
      `$O.${rules}.>`,
    ],
    subscribe: [...subscribe, nodeSubjects(fleet, every), `$KV.${rules}.>`],
  };
}

export function serverConfig(
  fleet: string,
  listen: { readonly host: string; readonly port: number },
  users: readonly ServerUser[],
): string {
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `# NATS server of the fleet "${fleet}", made by "weir fleet init". nats-server -c nats-server.conf
listen: "${host}:${listen.port}"
server_name: "weir-${fleet}"
max_payload: 1048576

# What is kept here is a cache: members keep every decision themselves, and fill it again.
jetstream {
  store_dir: "jetstream"
  max_file_store: 1073741824
}

# Between machines: certificates of your own, and tls://… in each fleet.yaml.
# tls { cert_file: "server.crt", key_file: "server.key" }

accounts {
  WEIR {
    jetstream: enabled
    # Made by "weir fleet": changed by hand it is written over.
    users: [
${usersText(fleet, users)}
    ]
  }
}
`;
}

export const usersText = (fleet: string, users: readonly ServerUser[]): string =>
  users.map((user) => userText(fleet, user)).join('\n');

function userText(fleet: string, user: ServerUser): string {
  const { publish, subscribe } = permissionsOf(fleet, user);
  const list = (subjects: readonly string[]) =>
    subjects.map((subject) => `            "${subject}"`).join('\n');
  return `      # ${user.id}, ${user.role}
      {
        nkey: ${user.publicKey}
        permissions {
          publish { allow: [
${list(publish)}
          ] }
          subscribe { allow: [
${list(subscribe)}
          ] }
          allow_responses { max: 1, expires: "1m" }
        }
      }`;
}
