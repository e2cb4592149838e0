/** Durations as Go writes them and CrowdSec sends them: `3h59m58.857654799s`, `-207.979668ms`. */

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Longer ones are read as this: a hundred years. */
export const durationMsMax = 3_155_760_000_000;
const charactersMax = 64;

/** Null for what is none. */
export function parseGoDuration(text: string): number | null {
  if (text.length > charactersMax) return null;
  if (text === '0') return 0;
  const parts = /^(-?)((?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (parts === null) return null;
  let ms = 0;
  for (const [, number, unit] of (parts[2] ?? '').matchAll(/(\d+(?:\.\d+)?)([a-zµμ]+)/g))
    ms += Number(number) * (unitMs[unit ?? ''] ?? 0);
  return (parts[1] === '-' ? -1 : 1) * Math.min(ms, durationMsMax);
}

/** Whole seconds, rounded up: a bouncer must not let in a moment early. */
export function formatGoDuration(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const rest = seconds % 60;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`;
}
