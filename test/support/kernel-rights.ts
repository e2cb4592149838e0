/** Whether this process may load packet programs and make network namespaces; the reason by errno where not. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import { probeKernel } from '#synproxy/probe-kernel.ts';
import { shieldObjectFile } from '#synproxy/shield-object.ts';

let known: string | null | undefined;

/** For `{ skip: needsBpf() }`. */
export function needsBpf(): string | false {
  known ??= bpfProblem();
  return skip(known);
}

export function needsNamespaces(): string | false {
  const bpf = needsBpf();
  if (bpf !== false) return bpf;
  const name = `weir-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status === 0) spawnSync('ip', ['netns', 'del', name]);
  const said = made.error === undefined ? made.stderr.trim() : describeError(made.error);
  return skip(made.status === 0 ? null : `no network namespaces: ${said}`);
}

function bpfProblem(): string | null {
  if (!existsSync(shieldObjectFile)) return 'build/bpf/shield.o is missing: no clang';
  try {
    const failed = probeKernel().find(({ problem }) => problem !== null);
    if (failed?.problem == null) return null;
    const { reason, capability } = failed.problem;
    return `${failed.feature}: ${reason}${capability === null ? '' : ` (needs ${capability})`}`;
  } catch (error) {
    return describeError(error);
  }
}

function skip(reason: string | null): string | false {
  if (reason === null) return false;
  if (process.env['REQUIRE_ALL'] === '1')
    throw new Error(`${reason}, and REQUIRE_ALL=1 forbids skipping`);
  return reason;
}
