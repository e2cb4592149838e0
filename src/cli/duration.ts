/** Spans of time as people write and read them: `30s`, `15m`, `1h`, `7d`. */

const unitSeconds = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

export type ParsedDuration =
  | { readonly ok: true; readonly seconds: number }
  | { readonly ok: false; readonly problem: string };

/** One whole number and one unit; `secondsMax` is part of the answer when it is passed. */
export function parseDuration(text: string, secondsMax: number): ParsedDuration {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  if (match === null) {
    return { ok: false, problem: `"${text}" is no span of time: write 30s, 15m, 1h or 7d` };
  }
  const seconds = Number(match[1]) * unitSeconds[match[2] as keyof typeof unitSeconds];
  if (seconds > secondsMax) {
    return { ok: false, problem: `"${text}" is too long: at most ${formatDuration(secondsMax)}` };
  }
  return { ok: true, seconds };
}

/** The two largest units: `1d 2h`, `3m 20s`, `45s`. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / unitSeconds[unit]);
    rest -= count * unitSeconds[unit];
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** RFC 3339 without what a person does not read: `2026-01-02 03:04:05Z`. */
export function formatTime(rfc3339: string): string {
  return rfc3339.replace('T', ' ').replace(/\.\d+(?=Z|[+-]|$)/, '');
}
