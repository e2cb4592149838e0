/** Request views ready for use. A view lives as long as its exchange; the pool holds what is free. */
import { RequestView } from '#waf/request-view.ts';

/** Free views kept; those beyond are left to the collector. */
const freeMax = 1_024;

export class ViewPool {
  readonly headersMax: number;
  readonly #free: RequestView[] = [];

  constructor(headersMax: number) {
    this.headersMax = headersMax;
  }

  take(): RequestView {
    return this.#free.pop() ?? new RequestView(this.headersMax);
  }

  give(view: RequestView): void {
    view.release();
    if (this.#free.length < freeMax && view.kinds.length === this.headersMax) this.#free.push(view);
  }
}
