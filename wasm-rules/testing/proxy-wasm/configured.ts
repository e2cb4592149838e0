/** Takes its configuration to the letter, and refuses one that says so. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  log,
  LogLevelValues,
  registerRootContext,
  RootContext,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class ConfiguredRoot extends RootContext {
  createContext(id: u32): Context {
    return new Configured(id, this);
  }

  onConfigure(size: u32): bool {
    super.onConfigure(size);
    return this.getConfiguration() != "refuse me";
  }
}

class Configured extends Context {
  constructor(id: u32, root: ConfiguredRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const request = stream_context.headers.request;
    request.add("x-configuration", this.root_context.getConfiguration());
    if (request.get("x-do") == "trap") unreachable();
    if (request.get("x-do") == "spin") while (true) request.get("x-do");
    if (request.get("x-do") == "loop") while (load<u8>(8) != 7) store<u8>(8, 1);
    if (request.get("x-do") == "wait") return FilterHeadersStatusValues.StopIteration;
    return FilterHeadersStatusValues.Continue;
  }

  onLog(): void {
    const headers = stream_context.headers;
    log(LogLevelValues.warn, "over: " + headers.request.get(":path") + " " + headers.response.get("content-type"));
  }
}

registerRootContext((id: u32) => new ConfiguredRoot(id), "configured");
