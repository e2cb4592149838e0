/** Adds, replaces and removes fields of both heads, and says what it sees of them afterwards. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  registerRootContext,
  RootContext,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class HeadersRoot extends RootContext {
  createContext(id: u32): Context {
    return new Headers(id, this);
  }
}

class Headers extends Context {
  constructor(id: u32, root: HeadersRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const request = stream_context.headers.request;
    request.add("x-added", "one");
    request.add("x-added", "two");
    request.replace("user-agent", "hidden");
    request.remove("cookie");
    request.remove("content-length");
    const names = new Array<string>();
    const pairs = request.get_headers();
    for (let i = 0; i < pairs.length; i++) names.push(String.UTF8.decode(pairs[i].key));
    request.add("x-seen", names.join(" "));
    request.add("x-host", request.get("host") + request.get(":path"));
    return FilterHeadersStatusValues.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const response = stream_context.headers.response;
    response.remove("server");
    response.replace("cache-control", "no-store");
    response.add("x-status", response.get(":status"));
    response.add("x-agent", stream_context.headers.request.get("user-agent"));
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new HeadersRoot(id), "headers");
