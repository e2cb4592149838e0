/** `Retry-After` (RFC 9110 section 10.2.3): seconds or a date, as milliseconds from now, bounded. */

/** Longer than this nobody waits: the server is asked again. */
export const retryAfterMsMax = 86_400_000;

/** Null when there is none, or none that can be read. */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  if (/^\d{1,15}$/.test(text)) return Math.min(retryAfterMsMax, Number(text) * 1_000);
  // A date of HTTP begins with the day's name; Date.parse alone takes a great deal more.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? null : Math.min(retryAfterMsMax, Math.max(0, atMs - nowMs));
}
