/** `phase:2`, or by the names that ModSecurity gives three of them. */
import type { Phase } from './rule-set.ts';

const phases: Readonly<Record<string, Phase>> = {
  '1': 1,
  '2': 2,
  '3': 3,
  '4': 4,
  '5': 5,
  request: 2,
  response: 4,
  logging: 5,
};

export function parsePhase(text: string | null): Phase | null {
  const key = (text ?? '').trim().toLowerCase();
  return Object.hasOwn(phases, key) ? (phases[key] ?? null) : null;
}
