/** Modules that are told apart by what they answer, and that fail when a test wants them to. */
import { goodRecord, guest, recordAt } from './hostile-guest.ts';
import { op, words } from './wasm-builder.ts';

/** A view of this size is larger than that of any sample request. */
export const largeViewBytes = 6_000;

/** A field that makes the view larger than that. */
export const largeField = { 'x-large': 'x'.repeat(largeViewBytes) };

/** Blocks every request with this status. With `traps` it fails on large requests instead. */
export const statusGuest = (status: number, traps = false): Uint8Array =>
  guestOf(status, traps ? op.unreachable : null);

/** Blocks every request with this status. A large one takes more than 10,000 units of fuel, and less than 100,000. */
export const dearGuest = (status: number): Uint8Array => guestOf(status, countTo5000);

/** In memory that nobody else uses. */
const counter = op.const(0);
const load = [...counter, 0x28, 0x02, 0x00];
const countTo5000 = [
  ...[0x03, 0x40, ...counter, ...load, ...op.const(1), 0x6a, 0x36, 0x02, 0x00],
  ...[...load, ...op.const(5_000), 0x49, 0x0d, 0x00, 0x0b],
];

function guestOf(status: number, onLarge: readonly number[] | null): Uint8Array {
  const record = words(...goodRecord.map((word, index) => (index === 2 ? status : word)));
  const bytes = [...record, ...Buffer.from('rule/a reason target match')];
  const isLarge = [op.local(0), [0x28, 0x02, 0x00], op.const(largeViewBytes), [0x4b]];
  const code = onLarge === null ? [] : [...isLarge, [0x04, 0x40], [...onLarge], [0x0b]];
  return guest([...code, op.const(recordAt)], { data: { at: recordAt, bytes } });
}
