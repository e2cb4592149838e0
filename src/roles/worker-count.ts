/** How many workers a configuration asks for. */
import { availableParallelism } from 'node:os';

/** `auto` is one a core this process may use. */
export const workerCount = (workers: number | 'auto'): number =>
  workers === 'auto' ? availableParallelism() : workers;
