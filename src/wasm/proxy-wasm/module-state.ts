/**
 * What a proxy-wasm module has in this worker beyond its instances and versions: shared data and metrics.
 * Kept apart by module name.
 */
import { type DefineMetric, GuestMetrics } from './guest-metrics.ts';
import { SharedData } from './shared-data.ts';

export class ModuleState {
  readonly shared = new SharedData();
  readonly metrics: GuestMetrics;

  constructor(define: DefineMetric) {
    this.metrics = new GuestMetrics(define);
  }
}
