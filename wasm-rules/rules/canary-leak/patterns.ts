/**
 * Secrets by their look: how they begin, and how many characters of a kind have to follow. What follows is
 * asked for exactly, and the characters around must be none of it, so that words and hashes of other kinds
 * are none. The longest takes 109 bytes, which an overlap of 256 has twice.
 */
import { isAlphanumeric } from '../../sdk/bytes';

const capitalsAndDigits: i32 = 0;
const alphanumeric: i32 = 1;
/** Letters, digits, `_` and `-`. */
const urlSafe: i32 = 2;

export class Pattern {
  constructor(
    readonly name: string,
    readonly rule: string,
    readonly beginnings: string[],
    /** How many characters follow; 0: the beginning is all there is. */
    readonly followsMin: i32 = 0,
    readonly followsMax: i32 = 0,
    readonly kind: i32 = alphanumeric,
  ) {}

  /** `at` is behind the beginning, `start` where it begins. */
  holds(start: usize, at: usize, begin: usize, end: usize, isLast: bool): bool {
    if (this.followsMin == 0) return true;
    if (start > begin && isKind(load<u8>(start - 1), this.kind)) return false;
    let to = at;
    // One more than may follow is enough to know.
    const last = min(end, at + this.followsMax + 1);
    while (to < last && isKind(load<u8>(to), this.kind)) to++;
    // What goes on behind the stretch is seen whole in the next one, which begins with the end of this.
    if (to == end && !isLast) return false;
    const follows = <i32>(to - at);
    return follows >= this.followsMin && follows <= this.followsMax;
  }
}

export const patterns: Pattern[] = [
  new Pattern('private-key', 'canary-leak/private-key', [
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN RSA PRIVATE KEY-----',
    '-----BEGIN EC PRIVATE KEY-----',
    '-----BEGIN DSA PRIVATE KEY-----',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    '-----BEGIN ENCRYPTED PRIVATE KEY-----',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----',
  ]),
  new Pattern('aws-key', 'canary-leak/aws-key', ['AKIA', 'ASIA'], 16, 16, capitalsAndDigits),
  new Pattern(
    'github-token',
    'canary-leak/github-token',
    ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'],
    36,
    36,
    alphanumeric,
  ),
  new Pattern('google-key', 'canary-leak/google-key', ['AIza'], 35, 35, urlSafe),
  new Pattern('slack-token', 'canary-leak/slack-token', ['xoxb-', 'xoxp-', 'xoxs-'], 20, 100, urlSafe),
  new Pattern('stripe-key', 'canary-leak/stripe-key', ['sk_live_', 'rk_live_'], 24, 99, alphanumeric),
];

function isKind(byte: u32, kind: i32): bool {
  if (kind == capitalsAndDigits) return byte - 0x30 < 10 || byte - 0x41 < 26;
  if (isAlphanumeric(byte)) return true;
  return kind == urlSafe && (byte == 0x5f || byte == 0x2d);
}
