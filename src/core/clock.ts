/** Asked for by name each time it would be looked up behind an accessor. */
const { performance } = globalThis;

/** Milliseconds since the process began, monotonic, with a fraction. For durations and deadlines only. */
export const monotonicMs = (): number => performance.now();

/** Milliseconds since 1970. For what people read and for expiry that outlives the process. */
export const wallMs = (): number => Date.now();

let turnAt = 0;

/**
 * As `monotonicMs`, but looked at once a turn of the event loop, where it is first asked for: what came with the
 * turn was there by then. For deadlines, and for beginnings; not for the end of what is measured. It is never
 * older than one turn: while the end of a turn is awaited, the event loop does not wait.
 */
export function turnMs(): number {
  if (turnAt === 0) {
    turnAt = performance.now();
    setImmediate(endTurn);
  }
  return turnAt;
}

function endTurn(): void {
  turnAt = 0;
}
