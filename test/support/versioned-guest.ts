/** Modules that are told apart by what they answer, and that fail when a test wants them to. */
import { goodRecord, guest, recordAt } from './hostile-guest.ts';
import { op, words } from './wasm-builder.ts';

/** A view of this size is larger than that of any sample request. */
export const largeViewBytes = 6_000;

/** A field that makes the view larger than that. */
export const largeField = { 'x-large': 'x'.repeat(largeViewBytes) };

/** Blocks every request with this status. With `traps` it fails on large requests instead. */
export function statusGuest(status: number, traps = false): Uint8Array {
  const record = words(...goodRecord.map((word, index) => (index === 2 ? status : word)));
  const bytes = [...record, ...Buffer.from('rule/a reason target match')];
  const isLarge = [op.local(0), [0x28, 0x02, 0x00], op.const(largeViewBytes), [0x4b]];
  const trap = [...isLarge, [0x04, 0x40], op.unreachable, [0x0b]];
  return guest([...(traps ? trap : []), op.const(recordAt)], { data: { at: recordAt, bytes } });
}
