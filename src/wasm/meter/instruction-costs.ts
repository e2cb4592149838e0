/**
 * What costs more than its one unit of fuel. A unit stands for an instruction, a few tenths of a
 * nanosecond to some nanoseconds; these take longer than that, whatever their operands are. Lengths of
 * bulk instructions are charged where they run (`fuel-code.ts`).
 */

/** Of `memory.grow` and `table.grow`: a call into the engine, however little is added. */
export const growCost = 2_000;

/** A region never costs more. No budget is larger, so one such charge ends any run, and nothing wraps. */
export const regionCostMax = 0x4000_0000;

/** The engine clears a function's locals at each entry, several at a time. */
export function costOfLocals(locals: number): number {
  return locals >> 2;
}
