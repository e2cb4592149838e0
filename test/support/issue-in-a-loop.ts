/** A process of its own: issues one decision after another, and says each on a line once it is acknowledged. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { DecisionLog } from '#decisions/decision-log.ts';
import { readTrust } from '#decisions/trust.ts';

const [directory = '', trustFile = '', keyFile = '', round = ''] = process.argv.slice(2);
const privateKey = createPrivateKey(readFileSync(keyFile));
const log = DecisionLog.open(
  { directory, trust: readTrust(trustFile), self: { id: 'a', privateKey }, protected: [] },
  Date.now(),
);
for (let index = 0; index < 65_536; index++) {
  const target = `10.${round}.${index >> 8}.${index & 255}`;
  const expiresAtMs = Date.now() + 3_600_000;
  const request = { target, action: 'drop', expiresAtMs, reason: '', origin: 'test' } as const;
  for (const { bytes } of log.issue([request], Date.now()).batches)
    writeSync(1, `${target} ${Buffer.from(bytes).toString('base64')}.\n`);
  if (index % 16 === 15) log.compact();
}
