/** Counts, measures and distributes. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  Counter,
  FilterHeadersStatusValues,
  Gauge,
  Histogram,
  registerRootContext,
  RootContext,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class MetricsRoot extends RootContext {
  requests: Counter | null = null;
  open: Gauge | null = null;
  sizes: Histogram | null = null;

  createContext(id: u32): Context {
    return new Metrics(id, this);
  }

  onConfigure(size: u32): bool {
    this.requests = new Counter("my.Requests");
    this.open = new Gauge("open");
    this.sizes = new Histogram("sizes");
    return super.onConfigure(size);
  }
}

class Metrics extends Context {
  constructor(id: u32, root: MetricsRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const root = this.root_context as MetricsRoot;
    (root.requests as Counter).increment(2);
    (root.open as Gauge).increment(1);
    const sizes = root.sizes as Histogram;
    sizes.record(sizes.metric_id, 100);
    return FilterHeadersStatusValues.Continue;
  }

  onLog(): void {
    ((this.root_context as MetricsRoot).open as Gauge).increment(-1);
  }
}

registerRootContext((id: u32) => new MetricsRoot(id), "metrics");
