/** How often a guest may call the host in one call of its own, and how many bytes that may move. */
import { GuestFailure } from '../guest-failure.ts';
import { bytesMovedMax, hostCallsMax } from './abi.ts';

export class CallBudget {
  #calls = 0;
  #bytes = 0;

  begin(): void {
    this.#calls = 0;
    this.#bytes = 0;
  }

  /** Each call of the guest to the host, with the bytes it moves. */
  spend(bytes: number): void {
    this.#calls++;
    this.#bytes += bytes;
    if (this.#calls > hostCallsMax)
      throw new GuestFailure('limit', `more than ${hostCallsMax} host calls in one call`);
    if (this.#bytes > bytesMovedMax)
      throw new GuestFailure('limit', `more than ${bytesMovedMax} bytes moved in one call`);
  }
}
