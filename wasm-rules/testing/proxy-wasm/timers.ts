/** Counts its ticks in shared data, and stops after the third. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  get_shared_data,
  registerRootContext,
  RootContext,
  set_shared_data,
  set_tick_period_milliseconds,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class TimersRoot extends RootContext {
  private ticks: u32 = 0;

  createContext(id: u32): Context {
    return new Timers(id, this);
  }

  onConfigure(size: u32): bool {
    set_tick_period_milliseconds(1);
    return super.onConfigure(size);
  }

  onTick(): void {
    this.ticks += 1;
    set_shared_data("ticks", String.UTF8.encode(this.ticks.toString()));
    if (this.ticks == 3) set_tick_period_milliseconds(0);
  }
}

class Timers extends Context {
  constructor(id: u32, root: TimersRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const value = get_shared_data("ticks").value;
    stream_context.headers.request.add("x-ticks", value === null ? "0" : String.UTF8.decode(value));
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new TimersRoot(id), "timers");
