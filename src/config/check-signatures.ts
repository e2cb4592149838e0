/** `waf.signatures`: keys that can be read, names that are told apart, and a requirement that can be met. */
import { describeError } from '#core/errors.ts';
import { type ConfigDraft, present } from './draft.ts';
import type { Say } from './problem.ts';
import { readPublicKey } from './signature-keys.ts';

export async function checkSignatures(config: ConfigDraft, say: Say): Promise<void> {
  const signatures = config.waf?.signatures;
  const seen = new Set<string>();
  for (const [index, key] of present(signatures?.keys)) {
    const path = `waf.signatures.keys[${index}]`;
    if (key.name !== undefined && seen.has(key.name))
      say(`${path}.name`, `there are two keys named ${key.name}`, 'give each a name of its own');
    if (key.name !== undefined) seen.add(key.name);
    if (key.publicKey === undefined) continue;
    try {
      await readPublicKey(key.publicKey);
    } catch (error) {
      say(
        `${path}.publicKey`,
        `is no Ed25519 public key: ${describeError(error)}`,
        'write what "weir module keygen" prints, or name a PEM file',
      );
    }
  }
  if (signatures?.required === true && seen.size === 0) {
    say(
      'waf.signatures.required',
      'no module could be loaded: there are no keys',
      'add the public key under waf.signatures.keys; "weir module keygen" makes one',
    );
  }
}
