/** Counts requests by compare-and-swap, and passes words from one to the next through a queue. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  dequeue_shared_queue,
  enqueue_shared_queue,
  FilterHeadersStatusValues,
  get_shared_data,
  log,
  LogLevelValues,
  register_shared_queue,
  registerRootContext,
  RootContext,
  set_shared_data,
  stream_context,
  WasmResultValues,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class SharedRoot extends RootContext {
  queue: u32 = 0;

  createContext(id: u32): Context {
    return new Shared(id, this);
  }

  onConfigure(size: u32): bool {
    this.queue = register_shared_queue("words").token;
    return super.onConfigure(size);
  }

  onQueueReady(token: u32): void {
    const word = dequeue_shared_queue(token);
    const data = word.data;
    if (data !== null) log(LogLevelValues.info, "from the queue: " + String.UTF8.decode(data));
  }
}

class Shared extends Context {
  constructor(id: u32, root: SharedRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const before = get_shared_data("count");
    const value = before.value;
    const next = (value === null ? 0 : i32(parseInt(String.UTF8.decode(value)))) + 1;
    const stale = set_shared_data("count", String.UTF8.encode("wrong"), before.cas + 1000);
    set_shared_data("count", String.UTF8.encode(next.toString()), before.cas);
    const request = stream_context.headers.request;
    request.add("x-count", next.toString());
    request.add("x-stale", stale == WasmResultValues.CasMismatch ? "refused" : "taken");
    enqueue_shared_queue((this.root_context as SharedRoot).queue, String.UTF8.encode("word " + next.toString()));
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new SharedRoot(id), "shared-data");
