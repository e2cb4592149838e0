/**
 * The start of a node that has rights: what needs them is done first, then they are given up for good,
 * before the first client byte is read.
 *
 * ```
 * weir edge, as root          read the configuration, bind sockets, climb the kernel's ladder
 *   │  no capability, no_new_privs, groups, gid, uid
 *   └─ execve(itself) ──►  weir edge, the same process id: supervisor, and from it workers
 *                          descriptors stay open; WEIR_LAUNCHED says which is what
 * ```
 *
 * execve ends every other thread of the process, so none of them keeps what the main one gave up
 * (`privileges.ts`). A node started without rights skips all of this and says in its status what it lacks.
 */
import { chownSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { loadConfig } from '#config/load.ts';
import type { Config } from '#config/schema.ts';
import { WeirError } from '#core/errors.ts';
import { climbLadder, type KernelHandover, kernelDescriptors } from './kernel-ladder.ts';
import type { BoundListener } from './listening-sockets.ts';
import { bindSockets } from './node-sockets.ts';
import {
  type Account,
  closeOnExec,
  dropPrivileges,
  effectiveCapabilities,
  findAccount,
} from './privileges.ts';
import type { ConfigOrigin } from './snapshot-source.ts';
import { workerCount } from './worker-count.ts';

/** What the part with rights hands to the part without. */
export type Launched = {
  readonly listeners: readonly BoundListener[];
  readonly admin: readonly BoundListener[];
  readonly kernel: KernelHandover;
};

/** Not a configuration key: it never leaves this process. */
const variable = 'WEIR_LAUNCHED';

/** Returns what was made before, or null where there was nothing to do; does not return where it executes. */
export function launch(origin: ConfigOrigin): Launched | null {
  const handed = process.env[variable];
  delete process.env[variable];
  if (handed !== undefined) {
    const launched = JSON.parse(handed) as Launched;
    // Workers and whatever else is run get those they are meant to have, and no other.
    for (const descriptor of descriptorsOf(launched)) closeOnExec(descriptor, true);
    return launched;
  }
  if (effectiveCapabilities() === 0n) return null;
  const loaded = loadConfig({ ...origin, env: process.env });
  // Whoever loads it next says what is wrong with it, and goes no further.
  if (!loaded.ok) return null;
  const { config } = loaded;
  const account = accountOf(config);
  const sockets = bindSockets(config, workerCount(config.edge.workers), null);
  const launched: Launched = {
    listeners: sockets.edge?.listeners ?? [],
    admin: sockets.admin?.listeners ?? [],
    kernel: climbLadder(config, account),
  };
  if (account !== null) prepareState(config, account);
  for (const descriptor of descriptorsOf(launched)) closeOnExec(descriptor, false);
  dropPrivileges(account);
  execute(launched);
}

function descriptorsOf({ listeners, admin, kernel }: Launched): number[] {
  return [
    ...[...listeners, ...admin].flatMap(({ descriptors }) => descriptors),
    ...kernelDescriptors(kernel),
  ];
}

function accountOf(config: Config): Account | null {
  const { user } = config.edge;
  if (user === undefined) return null;
  const account = findAccount(user);
  if (process.getuid?.() !== 0 && process.getuid?.() !== account.uid)
    throw new WeirError('CONFIG_INVALID', 'the configuration has 1 problem', {
      details: [
        `edge.user  only root can become "${user}" (start as root or as that user, or leave edge.user out)`,
      ],
    });
  return process.getuid?.() === account.uid ? null : account;
}

/** The state directory belongs to whom the node becomes. */
function prepareState(config: Config, account: Account): void {
  const path = resolve(config.state);
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    mkdirSync(path, { mode: 0o700 });
    chownSync(path, account.uid, account.gid);
    return;
  }
  if (statSync(path).uid !== account.uid)
    throw new WeirError(
      'STATE_UNUSABLE',
      `${path} does not belong to ${account.name}, whom edge.user names; run: chown -R ${account.name}: ${path}`,
    );
}

function execute(launched: Launched): never {
  process.execve?.(
    process.execPath,
    [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    { ...process.env, [variable]: JSON.stringify(launched) },
  );
  throw new WeirError(
    'PRIVILEGES_KEPT',
    `this Node (${process.version}) cannot execute itself, so it would keep its rights; start it as another user`,
  );
}
