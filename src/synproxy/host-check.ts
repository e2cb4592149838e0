/**
 * What this host can do for the kernel shield and what it lacks, each by name and with what mends it: for
 * `weir shield check`, which runs without a node and with whatever rights it is given.
 *
 * `missing` is what keeps the packet program out, `warn` what makes it do less than it could.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { describeError } from '#core/errors.ts';
import { type CookieMode, cookieTerms, type SettingReader } from './cookie-terms.ts';
import { driverOf, hasNativeXdp } from './network-driver.ts';
import { missingCapability, probeKernel } from './probe-kernel.ts';
import { closeShield, loadShield, readShieldObject, shieldObjectFile } from './shield-object.ts';

export type HostCheck = {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'missing';
  /** What was found. */
  readonly found: string;
  readonly fix: string | null;
};

export type HostCheckTerms = {
  readonly interfaces: readonly string[];
  /** Null: none is wanted. */
  readonly cookies: CookieMode | null;
};

const capabilities = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'] as const;
const commandMs = 5_000;
const clangMin = 14;

export function checkHost(terms: HostCheckTerms): HostCheck[] {
  if (process.platform !== 'linux') {
    const found = `this is ${process.platform}`;
    const fix = 'run the node on Linux; elsewhere workers refuse blocked addresses as they connect';
    return [{ name: 'Linux', state: 'missing', found, fix }];
  }
  return [
    kernelVersion(release()),
    ...capabilities.map(capability),
    ...features(),
    packetProgram(),
    clang(),
    ...terms.interfaces.flatMap(networkInterface),
    ...(terms.cookies === null ? [] : cookieSettings(terms.cookies, terms.interfaces, readSetting)),
    compiler(readSetting),
    nft(),
  ];
}

/** Below 5.18 helpers of the program are missing; what was tried is 6.1 and newer. */
export function kernelVersion(text: string): HostCheck {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10));
  const at = major * 1_000 + minor;
  const name = 'kernel';
  if (at >= 6_001) return ok(name, text);
  const fix = 'run Linux 6.1 or newer';
  return at >= 5_018
    ? { name, state: 'warn', found: `${text}, which nobody has tried`, fix }
    : { name, state: 'missing', found: `${text}, which lacks what the program calls`, fix };
}

function capability(name: string): HostCheck {
  if (missingCapability([name]) === null) return ok(name, 'held');
  return {
    name,
    state: 'missing',
    found: 'not held by this user',
    fix: `start the node as root, or give it to the service: AmbientCapabilities=${name} in its unit`,
  };
}

function features(): HostCheck[] {
  try {
    const probes = probeKernel();
    const rights = probes.find(({ problem }) => (problem?.capability ?? null) !== null)?.problem;
    if (rights !== undefined && rights !== null)
      return [
        {
          name: 'bpf',
          state: 'warn',
          found: `what the kernel offers is not known: ${rights.errno} without ${rights.capability}`,
          fix: 'run this check as root',
        },
      ];
    return probes.map(({ feature: name, problem }) =>
      problem === null
        ? ok(name, 'works')
        : { name, state: 'missing', found: problem.reason, fix: 'run Linux 6.1 or newer' },
    );
  } catch (error) {
    const fix = 'npm ci, on x86-64 or arm64';
    return [{ name: 'bpf', state: 'missing', found: describeError(error), fix }];
  }
}

/** Loaded with small tables, and let go at once. */
function packetProgram(): HostCheck {
  const name = 'packet program';
  if (!existsSync(shieldObjectFile))
    return {
      name,
      state: 'missing',
      found: 'build/bpf/shield.o is not there',
      fix: 'install clang 14 or newer and run npm run setup',
    };
  if (missingCapability(capabilities) !== null)
    return {
      name,
      state: 'warn',
      found: 'built; not known whether this kernel takes it',
      fix: 'run this check as root',
    };
  try {
    const sizes = { exact4: 1, exact6: 1, rate4: 16, rate6: 16, flows4: 16, flows6: 16 };
    closeShield(loadShield({ object: readShieldObject(), sizes }));
    return ok(name, 'built, and this kernel takes it');
  } catch (error) {
    const fix = 'npm run setup, and report what is said here if it stays';
    return { name, state: 'missing', found: describeError(error), fix };
  }
}

/** Only set-up needs it. */
function clang(): HostCheck {
  const name = 'clang';
  const text = output('clang', '--version');
  const version = Number(/version (\d+)/.exec(text ?? '')?.[1] ?? 0);
  if (version >= clangMin) return ok(name, `version ${version}`);
  const found = text === null ? 'not in PATH' : `version ${version}`;
  const fix = `install clang ${clangMin} or newer; it builds the packet program at set-up`;
  return { name, state: 'warn', found, fix };
}

function networkInterface(name: string): HostCheck[] {
  const label = `interface ${name}`;
  if (!existsSync(`/sys/class/net/${name}`)) {
    const fix = 'name one that ip link shows in kernel.interface';
    return [{ name: label, state: 'missing', found: 'there is none of that name', fix }];
  }
  const driver = driverOf(name);
  if (name === 'lo' || driver === null)
    return [
      {
        name: label,
        state: 'warn',
        found: `${driver ?? 'its driver says no name'}: XDP in the network stack only`,
        fix: 'name the interface of a network card in kernel.interface, if there is one below',
      },
    ];
  if (hasNativeXdp(driver)) return [ok(label, `${driver}, which has native XDP`)];
  return [
    {
      name: label,
      state: 'warn',
      found: `${driver}, not known for native XDP: it runs in the network stack, at some 250 ns a packet more`,
      fix: 'nothing has to be done; a card with native XDP drops faster',
    },
  ];
}

const wanted: readonly { path: string; least: number; best: number; why: string }[] = [
  { path: 'net/ipv4/tcp_syncookies', least: 1, best: 1, why: 'the kernel has to make the cookies' },
  {
    path: 'net/ipv4/tcp_timestamps',
    least: 0,
    best: 2,
    why: 'window scale and SACK need it (2 shows peers the uptime)',
  },
  { path: 'net/ipv4/tcp_window_scaling', least: 0, best: 1, why: 'else windows end at 64 KB' },
  { path: 'net/ipv4/tcp_sack', least: 0, best: 1, why: 'else losses cost more' },
];

export function cookieSettings(
  mode: CookieMode,
  interfaces: readonly string[],
  read: SettingReader,
): HostCheck[] {
  const always = mode === 'always' ? 1 : 0;
  const settings = wanted.map(({ path, least, best, why }, index): HostCheck => {
    const name = path.replaceAll('/', '.');
    const add = index === 0 ? always : 0;
    const text = read(`/proc/sys/${path}`)?.trim() ?? null;
    if (text === null)
      return {
        name,
        state: 'missing',
        found: 'cannot be read',
        fix: `make /proc/sys/${path} readable`,
      };
    const value = Number(text);
    if (value >= best + add) return ok(name, text);
    const fix = `sysctl -w ${name}=${best + add}`;
    return {
      name,
      state: value >= least + add ? 'warn' : 'missing',
      found: `${text}, wanted ${best + add}: ${why}`,
      fix,
    };
  });
  const cookies = interfaces.map((one): HostCheck => {
    const name = `SYN cookies on ${one}`;
    const answer = cookieTerms(mode, one, read);
    if (!answer.ok) return { name, state: 'missing', found: answer.reason, fix: answer.fix };
    const { timestamps, windowScale, mss4, mss6 } = answer.terms;
    const offers = timestamps ? `timestamps, SACK, window scale ${windowScale}` : 'MSS alone';
    return ok(name, `${offers}; MSS ${mss4} (IPv4), ${mss6} (IPv6)`);
  });
  return [...settings, ...cookies];
}

function compiler(read: SettingReader): HostCheck {
  const name = 'net.core.bpf_jit_enable';
  // Where only root may read it, a kernel built with CONFIG_BPF_JIT_ALWAYS_ON is the usual case.
  const text = read('/proc/sys/net/core/bpf_jit_enable')?.trim() ?? null;
  if (text === null || Number(text) >= 1) return ok(name, text ?? 'not shown to this user');
  const fix = `sysctl -w ${name}=1`;
  return { name, state: 'warn', found: `${text}, wanted 1: programs are interpreted`, fix };
}

function nft(): HostCheck {
  const text = output('nft', '--version');
  if (text !== null) return ok('nft', text.trim());
  return {
    name: 'nft',
    state: 'warn',
    found: 'not in PATH',
    fix: 'install nftables; it keeps blocked addresses out where the packet program cannot be',
  };
}

const ok = (name: string, found: string): HostCheck => ({ name, state: 'ok', found, fix: null });

/** Null where there is no such command. */
function output(command: string, ...words: readonly string[]): string | null {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const { error, stdout } = spawnSync(command, words, {
    encoding: 'utf8',
    timeout: commandMs,
    env: { ...process.env, PATH: path },
  });
  return error === undefined ? stdout : null;
}

function readSetting(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Of the default routes, as `kernel.interface: auto` takes them where a listener is on every address. */
export function defaultInterfaces(read: (path: string) => string): string[] {
  const four = read('/proc/net/route')
    .split('\n')
    .map((line) => line.split(/\s+/))
    .flatMap(([name = '', to, , , , , , mask]) =>
      to === '00000000' && mask === '00000000' ? [name] : [],
    );
  const six = read('/proc/net/ipv6_route')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([to = '', length, , , , , , , , name = '']) =>
      length === '00' && /^0+$/.test(to) && name !== 'lo' ? [name] : [],
    );
  return [...new Set([...four, ...six])];
}
