/**
 * Makes a fresh checkout ready to run, and takes a moment when it is ready already.
 *
 * ```
 * dependencies → Node 26 → RE2 built for it → rule modules → system packages → packet program → optional tools
 * ```
 *
 * Needs Node ≥ 20 with npm; RE2 needs python3, make and a C++ compiler too, and without it one feature
 * is off and said so. The packet program needs clang, which is installed where that is allowed (root, apt), and
 * for the tests what they run against: nftables, a NATS server, CrowdSec, tools that send and look at packets;
 * without it addresses are not dropped in the kernel by XDP. With REQUIRE_ALL=1 either is an error. Plain JavaScript and `node:` modules only:
 * nothing else is there yet.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { findNode, root } from './find-node.mjs';
import { runChild } from './run-child.mjs';

const stepsTotal = 7;
const requireAll = process.env.REQUIRE_ALL === '1';
const binaries = join(root, 'node_modules', '.bin');
const lineEveryMs = 15_000;

/** Debian's packages by the program that shows they are there. */
const packagesOf = {
  clang: ['clang', 'llvm', 'linux-libc-dev'],
  nft: ['nftables'],
};
const testPackagesOf = {
  ip: ['iproute2'],
  ethtool: ['ethtool'],
  hping3: ['hping3'],
  bpftool: ['bpftool'],
  'nats-server': ['nats-server'],
  // A library, found where libraries lie: patterns are compared with it.
  'libpcre2-8.so.0': ['libpcre2-8-0'],
  // Rules that are found where the package puts them.
  '/usr/share/modsecurity-crs/rules': ['modsecurity-crs'],
};
/**
 * Programs that tests run against and whose packages do more when they are installed than lie there (CrowdSec's
 * registers the machine at its service): unpacked into build/, never installed. 39 MB to fetch.
 */
const unpackedFor = {
  crowdsec: 'crowdsec',
  cscli: 'crowdsec',
  'crowdsec-custom-bouncer': 'crowdsec-custom-bouncer',
};
const unpacked = join(root, 'build', 'test-programs');
const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib'];

/** What stops the set-up, in words for the person at the terminal. */
class SetupError extends Error {}

/**
 * @param {{ forTests?: boolean }} [options] whether what only tests need is installed too
 * @returns {Promise<{ node: string }>} the Node to run Weir with
 */
export async function setUp({ forTests = false } = {}) {
  const startedMs = Date.now();
  mkdirSync(join(root, 'build'), { recursive: true });
  await installDependencies();
  const node = nodeStep();
  await buildRe2(node);
  await buildRules(node);
  await installPackages(forTests);
  if (forTests) await unpackPrograms();
  await buildBpf(node);
  optionalTools();
  console.log(`ready after ${seconds(startedMs)}\n`);
  return { node: node.path };
}

/** Sets up, and ends the process with a sentence where that fails. */
/** @param {{ forTests?: boolean }} [options] */
export async function setUpOrExit(options) {
  try {
    return await setUp(options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\nset-up failed: ${error.message}`);
    process.exit(1);
  }
}

async function installDependencies() {
  if (dependenciesAreCurrent()) return report(1, 'dependencies', 'as the lockfile says', null);
  const startedMs = Date.now();
  const log = join(root, 'build', 'setup-npm.log');
  // Without node_modules/.bin: npm is about to replace the Node that lies there.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')));
  const code = await runLogged(
    1,
    'dependencies',
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    {
      log,
      env: { ...process.env, PATH: path.join(delimiter) },
      count: null,
    },
  );
  if (code !== 0) {
    throw new SetupError(
      `npm ci ended with ${code}. Its first errors, from ${relative(root, log)}:\n${errorLines(log)}`,
    );
  }
  report(1, 'dependencies', 'installed', startedMs);
}

/**
 * npm writes node_modules/.package-lock.json when it has finished: where that agrees with the lockfile,
 * the folder is what the lockfile asks for. Optional packages of other platforms are not in it.
 */
function dependenciesAreCurrent() {
  let wanted;
  let present;
  try {
    wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    present = JSON.parse(
      readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8'),
    ).packages;
  } catch {
    return false;
  }
  return Object.entries(wanted).every(([at, { version, integrity, optional }]) => {
    if (at === '') return true;
    const found = present[at];
    if (found === undefined || !existsSync(join(root, at))) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

function nodeStep() {
  const startedMs = Date.now();
  const node = findNode();
  if ('missing' in node) {
    throw new SetupError(
      `${node.missing}.\nInstall Node 26 and run this again, or let npm install optional packages (npm config get omit).`,
    );
  }
  report(2, 'node', `${node.version}${node.pinned ? '' : ', the one that runs this'}`, startedMs);
  return node;
}

async function buildRe2(node) {
  if (re2Loads(node)) return report(3, 're2', 'built', null);
  const startedMs = Date.now();
  const missing = ['python3', 'make'].filter((tool) => findTool(tool) === null);
  if (['c++', 'g++', 'clang++'].every((tool) => findTool(tool) === null))
    missing.push('a C++ compiler');
  if (missing.length > 0) return withoutRe2(`not found: ${missing.join(', ')}`, startedMs);

  const log = join(root, 'build', 'setup-re2.log');
  const headers = existsSync(join(node.home, 'include', 'node', 'node.h'))
    ? { npm_config_nodedir: node.home }
    : {};
  const env = {
    ...process.env,
    ...headers,
    PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}`,
    RE2_DOWNLOAD_FORCE_BUILD: '1',
  };
  const parameters = ['rebuild', 're2', '--foreground-scripts', '--ignore-scripts=false'];
  const code = await runLogged(3, 're2', 'npm', parameters, {
    log,
    env,
    count: { text: 'CXX(', unit: 'files compiled' },
  });
  if (code === 0 && re2Loads(node)) return report(3, 're2', 'built', startedMs);
  withoutRe2(
    code === 0 ? 'it was built and does not load' : `npm rebuild ended with ${code}`,
    startedMs,
    log,
  );
}

function withoutRe2(reason, startedMs, log) {
  const where = log === undefined ? '' : `; see ${relative(root, log)}`;
  if (requireAll) throw new SetupError(`re2 could not be built: ${reason}${where}`);
  report(3, 're2', `NOT BUILT: ${reason}${where}`, startedMs);
  console.log(
    '      !! query strings are left out of the access log, because nothing can redact them',
  );
}

function re2Loads(node) {
  try {
    execFileSync(node.path, ['-e', "new (require('re2'))('a+').test('a')"], {
      cwd: root,
      stdio: 'ignore',
      timeout: 30_000,
    });
    return true;
  } catch {
    return false;
  }
}

async function buildRules(node) {
  const startedMs = Date.now();
  const code = await runChild(node.path, ['scripts/build-rules.ts'], { cwd: root });
  if (code !== 0) throw new SetupError(`scripts/build-rules.ts ended with ${code}`);
  report(4, 'rules', 'built', startedMs);
}

/** One at a time, so that one that a Debian does not have keeps no other away. */
async function installPackages(forTests) {
  const startedMs = Date.now();
  const wanted = Object.entries({ ...packagesOf, ...(forTests ? testPackagesOf : {}) });
  const missing = wanted.filter(([tool]) => findTool(tool) === null);
  const names = missing.map(([tool]) => tool).join(', ');
  if (missing.length === 0) return report(5, 'system packages', 'are there', null);
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || findTool('apt-get') === null)
    return report(
      5,
      'system packages',
      `not here: ${names}; only root on Debian installs them`,
      null,
    );
  const log = join(root, 'build', 'setup-packages.log');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...words) =>
    runLogged(5, 'system packages', 'apt-get', words, { log, env, count: null });
  const install = (packages) => apt('install', '-y', '--no-install-recommends', ...packages);
  if ((await install(missing.flatMap(([, packages]) => packages))) !== 0) {
    // A fresh image has no list of packages, or one that is out of date.
    await apt('update');
    for (const [, packages] of missing) await install(packages);
  }
  const left = missing.map(([tool]) => tool).filter((tool) => findTool(tool) === null);
  if (left.length === 0) return report(5, 'system packages', `installed: ${names}`, startedMs);
  report(5, 'system packages', `NOT INSTALLED: ${left.join(', ')}`, startedMs);
  console.log(`      what apt-get said is in ${relative(root, log)}`);
}

/** What cannot be had is said here, and by the name of the test that is skipped for it. */
async function unpackPrograms() {
  const startedMs = Date.now();
  const missing = Object.entries(unpackedFor).filter(
    ([tool]) => findTool(join(unpacked, 'usr/bin', tool)) === null && findTool(tool) === null,
  );
  if (missing.length === 0 || process.getuid?.() !== 0 || findTool('apt-get') === null) return;
  const name = 'programs for tests';
  const log = join(root, 'build', 'setup-test-programs.log');
  const packages = [...new Set(missing.map(([, from]) => from))];
  const run = (command, ...words) =>
    runLogged(5, name, command, words, { log, env: process.env, cwd: unpacked, count: null });
  // Size and digest are checked by apt, against the list its archive has signed.
  const fetch = () => run('apt-get', 'download', ...packages);
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  if ((await fetch()) !== 0) {
    await run('apt-get', 'update');
    await fetch();
  }
  for (const file of readdirSync(unpacked).filter((one) => one.endsWith('.deb'))) {
    await run('dpkg-deb', '-x', file, '.');
    rmSync(join(unpacked, file));
  }
  const left = missing
    .map(([tool]) => tool)
    .filter((tool) => findTool(join(unpacked, 'usr/bin', tool)) === null);
  if (left.length === 0)
    return report(5, name, `unpacked into build: ${packages.join(', ')}`, startedMs);
  report(5, name, `NOT HERE: ${left.join(', ')}; their tests are skipped`, startedMs);
  console.log(`      what apt-get said is in ${relative(root, log)}`);
}

/** Linux only; elsewhere there is nothing to build, and nothing missing. */
async function buildBpf(node) {
  if (process.platform !== 'linux')
    return report(6, 'packet program', `needs Linux, and this is ${process.platform}`, null);
  const startedMs = Date.now();
  const code = await runChild(node.path, ['scripts/build-bpf.ts'], { cwd: root });
  if (code === 0) return report(6, 'packet program', 'built', startedMs);
  if (requireAll) throw new SetupError(`scripts/build-bpf.ts ended with ${code}`);
  report(
    6,
    'packet program',
    'NOT BUILT: install clang 14 or newer and run npm run setup',
    startedMs,
  );
  console.log('      !! the kernel shield falls back to nftables, or to refusing at accept');
}

function optionalTools() {
  const found = ['nginx', 'wrk'].map((tool) => ({ tool, path: findTool(tool) }));
  const missing = found.filter(({ path }) => path === null).map(({ tool }) => tool);
  const text =
    missing.length === 0
      ? 'nginx and wrk are here'
      : `${missing.join(' and ')} not found: only bench/ needs it`;
  report(7, 'optional tools', text, null);
}

/** Daemons lie in sbin, which is not in everybody's PATH. */
function findTool(name) {
  if (name.startsWith('/')) return existsSync(name) ? name : null;
  for (const folder of [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    ...(name.includes('.so') ? libraryFolders : []),
  ]) {
    const path = join(folder, name);
    try {
      accessSync(path, name.includes('.so') ? constants.R_OK : constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Runs a command with its output in a file and a line of progress on the terminal; the exit code. */
function runLogged(step, name, command, parameters, { log, env, count, cwd = root }) {
  return new Promise((resolve, reject) => {
    const startedMs = Date.now();
    const output = createWriteStream(log);
    const child = spawn(command, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let counted = 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => {
        output.write(bytes);
        if (count !== null) counted += bytes.toString('latin1').split(count.text).length - 1;
      });
    }
    const terminal = process.stdout.isTTY === true;
    const show = () => {
      const progress = count === null ? '' : `, ${counted} ${count.unit}`;
      const line = `[${step}/${stepsTotal}] ${name}: ${command} ${parameters[0]}, ${seconds(startedMs)}${progress}`;
      process.stdout.write(terminal ? `\r${line}\u001b[K` : `${line}\n`);
    };
    show();
    const timer = setInterval(show, terminal ? 200 : lineEveryMs);
    const settle = (act) => {
      clearInterval(timer);
      if (terminal) process.stdout.write('\r\u001b[K');
      output.end(act);
    };
    child.once('error', (error) => {
      const reason = error.code === 'ENOENT' ? `${command} is not installed` : error.message;
      settle(() => reject(new SetupError(reason)));
    });
    child.once('close', (code, signal) => settle(() => resolve(code ?? signal)));
  });
}

function report(step, name, text, startedMs) {
  const took = startedMs === null ? '' : ` (${seconds(startedMs)})`;
  console.log(`[${step}/${stepsTotal}] ${name}: ${text}${took}`);
}

function seconds(sinceMs) {
  return `${((Date.now() - sinceMs) / 1_000).toFixed(1)} s`;
}

/** npm ends its errors with pages of usage; what is wrong stands first. */
function errorLines(file) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('npm error'));
  return (errors.length > 0 ? errors : lines).slice(0, 10).join('\n');
}

if (process.argv[1] === join(root, 'scripts', 'setup.mjs')) await setUpOrExit();
