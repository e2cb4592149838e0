/** Loads, gives up every right, and says what still works: run by `test/synproxy/privileges.test.ts`. */
import { readFileSync } from 'node:fs';
import { describeError } from '#core/errors.ts';
import { loadShield, openShield, readShieldObject } from '#synproxy/shield-object.ts';
import { testRun } from './test-run.ts';

const object = readShieldObject();
const { descriptors } = loadShield({ object, sizes: { exact4: 100, exact6: 100 } });
process.setgroups?.([]);
process.setgid?.(65_534);
process.setuid?.(65_534);
const done: Record<string, string> = {
  capabilities: /CapEff:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '',
};
const attempt = (name: string, act: () => unknown): void => {
  try {
    act();
    done[name] = 'works';
  } catch (error) {
    done[name] = describeError(error);
  }
};
const { maps, config, program } = openShield(descriptors, object);
attempt('update', () =>
  maps.exact4.update(Buffer.alloc(4, 1), Buffer.alloc(maps.exact4.valueBytes)),
);
attempt('lookup', () =>
  maps.exact4.lookup(Buffer.alloc(4, 1), Buffer.alloc(maps.exact4.valueBytes)),
);
attempt('batch', () =>
  maps.exact4.updateBatch(
    Buffer.from('0101010102020202', 'hex'),
    Buffer.alloc(2 * maps.exact4.valueBytes),
    2,
  ),
);
attempt('entries', () => {
  if ([...maps.exact4.entries()].length !== 2) throw new Error('not two');
});
attempt('delete batch', () =>
  maps.exact4.deleteBatch(Buffer.from('030303030101010102020202', 'hex'), 3),
);
attempt('emptied', () => {
  if ([...maps.exact4.entries()].length !== 0) throw new Error('not empty');
});
attempt('full', () => {
  const keys = Buffer.alloc(4 * 200);
  for (let i = 0; i < 200; i++) keys.writeUInt32LE(i + 1, i * 4);
  maps.exact4.updateBatch(keys, Buffer.alloc(200 * maps.exact4.valueBytes), 200);
});
attempt('config', () => config.flag('exact', true));
attempt('run', () => testRun(program, Buffer.alloc(60)));
attempt('load', () => loadShield({ object }));
process.stdout.write(JSON.stringify(done));
process.exit(0);
