/** Asked for by name each time it would be looked up behind an accessor. */
const { performance } = globalThis;

/** Milliseconds since the process began, monotonic, with a fraction. For durations and deadlines only. */
export const monotonicMs = (): number => performance.now();

/** Milliseconds since 1970. For what people read and for expiry that outlives the process. */
export const wallMs = (): number => Date.now();
