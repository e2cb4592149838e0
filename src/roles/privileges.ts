/**
 * What this process may do, and how it gives that up for good.
 *
 * `dropPrivileges` empties the capability bounding set, so that the program that is executed next has no
 * capability, as root or not, in any of its threads, and nothing it runs can get one back
 * (capabilities(7), "Transformation of capabilities during execve()"; `PR_SET_NO_NEW_PRIVS`).
 * Capabilities belong to threads, and Node has several: only execve(2), which ends all but one, makes sure.
 */
import { readFileSync } from 'node:fs';
import { assert } from '#core/assert.ts';
import { WeirError } from '#core/errors.ts';
import { loadNative } from '#core/native.ts';

/** `uapi/linux/prctl.h`. */
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_SET_KEEPCAPS = 8;
/** `uapi/linux/capability.h`. */
const CAP_NET_ADMIN = 12;
const capabilityVersion3 = 0x20080522;
/** `sys/socket.h`. */
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 0o2000001;
/** `uapi/linux/fcntl.h`. */
const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
/** Above any capability there is; the kernel says where its own list ends. */
const capabilitiesMax = 64;

export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

/** Of the main thread, from proc(5); none where this is not Linux. */
export function effectiveCapabilities(): bigint {
  if (process.platform !== 'linux') return 0n;
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return line === null ? 0n : BigInt(`0x${line[1]}`);
}

/** By name or number, from passwd(5). Throws CONFIG_INVALID. */
export function findAccount(user: string): Account {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || name === '' || (name !== user && uid !== user)) continue;
    return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new WeirError('CONFIG_INVALID', 'the configuration has 1 problem', {
    details: [`edge.user  /etc/passwd has no user "${user}" (make it: useradd --system ${user})`],
  });
}

/** For what is executed or forked next; in this process the main thread's own sets stay. */
function emptyBoundingSet(kept = -1): void {
  const calls = privilegeCalls();
  for (let capability = 0; capability < capabilitiesMax; capability++)
    if (capability !== kept) calls.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  calls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/**
 * The last thing before execve: no capability, no way to one, and with an account its groups, gid and uid.
 * Throws if any of it does not hold afterwards.
 */
export function dropPrivileges(account: Account | null): void {
  emptyBoundingSet();
  const calls = privilegeCalls();
  assert(calls.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0, 'no_new_privs is always granted');
  if (account !== null) becomeAccount(account);
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  // Without CAP_SETPCAP the bounding set stays, but then nothing is gained by an execve either: not root.
  if (bounding !== null && BigInt(`0x${bounding[1]}`) !== 0n && process.getuid?.() === 0)
    throw new WeirError(
      'PRIVILEGES_KEPT',
      'this process runs as root and may not give its capabilities up (CAP_SETPCAP is missing); start it as another user, or with that capability',
    );
}

/**
 * The last thing before execve, for the one process that changes packet filters: CAP_NET_ADMIN, and nothing
 * else. As an ambient capability, so that `nft`, which it starts, has it too. Throws where it cannot be had.
 */
export function keepNetAdmin(account: Account | null): void {
  const calls = privilegeCalls();
  // The bounding set first: CAP_SETPCAP goes with the change of user.
  emptyBoundingSet(CAP_NET_ADMIN);
  assert(calls.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) === 0, 'no_new_privs is always granted');
  if (account !== null) {
    assert(calls.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) === 0, 'capabilities live through setuid');
    becomeAccount(account);
  }
  const header = Buffer.alloc(8);
  header.writeUInt32LE(capabilityVersion3, 0);
  // Effective, permitted, inheritable, of the first 32; then of the others.
  const sets = Buffer.alloc(24);
  for (const at of [0, 4, 8]) sets.writeUInt32LE(1 << CAP_NET_ADMIN, at);
  if (
    calls.capset(header, sets) !== 0 ||
    calls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) !== 0
  )
    throw new WeirError(
      'PRIVILEGES_KEPT',
      'CAP_NET_ADMIN cannot be kept alone: this process does not have it',
    );
}

function becomeAccount({ name, uid, gid }: Account): void {
  (process as WithGroups).initgroups?.(name, gid);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/** Two ends of one stream, both closed by execve. */
export function socketPair(): readonly [number, number] {
  const ends = [-1, -1];
  if (privilegeCalls().socketpair(AF_UNIX, SOCK_STREAM_CLOEXEC, 0, ends) !== 0)
    throw new WeirError('LISTEN_FAILED', 'no descriptor is left for a socket pair');
  const [one = -1, other = -1] = ends;
  return [one, other];
}

/** Another descriptor of the same thing, closed by execve. */
export function duplicate(descriptor: number): number {
  const made = privilegeCalls().fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  assert(made >= 0, 'an open descriptor, and room for another');
  return made;
}

/** Whether the programs that are executed next do without this descriptor. */
export function closeOnExec(descriptor: number, isClosed: boolean): void {
  const flags = isClosed ? FD_CLOEXEC : 0;
  assert(privilegeCalls().fcntl(descriptor, F_SETFD, flags) === 0, 'an open descriptor');
}

/** Node's types leave it out. */
type WithGroups = { initgroups?(user: string, extraGroup: number): void };

type PrivilegeCalls = {
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  fcntl(fd: number, command: number, value: number): number;
  capset(header: Uint8Array, sets: Uint8Array): number;
  socketpair(family: number, type: number, protocol: number, ends: number[]): number;
};

let loaded: PrivilegeCalls | null = null;

function privilegeCalls(): PrivilegeCalls {
  if (loaded !== null) return loaded;
  const native = loadNative();
  if (typeof native === 'string')
    throw new WeirError(
      'PRIVILEGES_KEPT',
      `this process has rights and cannot give them up: ${native}; start it as another user`,
    );
  const { library } = native;
  loaded = {
    prctl: library.func('int prctl(int, ulong, ulong, ulong, ulong)') as PrivilegeCalls['prctl'],
    fcntl: library.func('int fcntl(int, int, int)') as PrivilegeCalls['fcntl'],
    capset: library.func('int capset(void *, const void *)') as PrivilegeCalls['capset'],
    socketpair: library.func(
      'int socketpair(int, int, int, _Out_ int *)',
    ) as PrivilegeCalls['socketpair'],
  };
  return loaded;
}
