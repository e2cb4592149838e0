/**
 * Waits for what tells nobody when it comes: looks again and again, and gives up with words.
 *
 * A wait of its own making would go on past the runner's time limit, which ends a test and not its loops.
 */
const limitMs = 40_000;
/** Looks of one turn of the event loop each, before the machine is left to others in between. */
const eagerLooks = 50;

/** `what` is what a failure says. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const startedAt = performance.now();
  for (let looks = 0; !(await holds()); looks++) {
    if (performance.now() - startedAt > limitMs)
      throw new Error(
        `not within ${limitMs / 1_000} s: ${typeof what === 'string' ? what : what()}`,
      );
    await new Promise((resolve) =>
      looks < eagerLooks ? setImmediate(resolve) : setTimeout(resolve, 2),
    );
  }
}
