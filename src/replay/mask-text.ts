/** Pairs and values of a request, made unreadable in place where they are secret (`mask-request.ts`). */
import { maskSecrets } from '#core/mask-secrets.ts';
import { isSecretName } from '#core/secret-names.ts';
import type { SecretFiller } from './fill-secret.ts';

/** Longer texts are looked at in stretches, each with the end of the one before. */
const stretchCharacters = 16_384;
const overlapCharacters = 1_024;

/** `name=value`, with ampersands between them. */
export function maskPairs(bytes: Buffer, start: number, end: number, filler: SecretFiller): void {
  for (let from = start; from < end; ) {
    let to = bytes.indexOf(38, from);
    if (to < 0 || to > end) to = end;
    const equals = bytes.indexOf(61, from);
    if (equals < 0 || equals >= to) maskValue(bytes, from, to, filler);
    else if (isSecretName(bytes.toString('latin1', from, equals)))
      filler.fill(bytes, equals + 1, to);
    else {
      maskValue(bytes, from, equals, filler);
      maskValue(bytes, equals + 1, to, filler);
    }
    from = to + 1;
  }
}

/** Whole, where it holds a secret of any form inside. */
export function maskValue(
  bytes: Buffer,
  start: number,
  end: number,
  filler: SecretFiller,
  kind: 'text' | 'json' = 'text',
): void {
  for (let from = start; from < end; from += stretchCharacters - overlapCharacters) {
    const to = Math.min(end, from + stretchCharacters);
    const text = bytes.toString('latin1', from, to);
    if (maskSecrets(text) === text) continue;
    filler.fill(bytes, start, end, kind);
    return;
  }
}
