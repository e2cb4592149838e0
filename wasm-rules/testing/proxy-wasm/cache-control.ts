/** Says how long a response may be kept, by its status and its kind. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  get_property,
  registerRootContext,
  RootContext,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class CacheRoot extends RootContext {
  createContext(id: u32): Context {
    return new Cache(id, this);
  }
}

class Cache extends Context {
  constructor(id: u32, root: CacheRoot) {
    super(id, root);
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const bytes = Uint8Array.wrap(get_property("response.status"));
    const status = (u32(bytes[0]) << 8) | u32(bytes[1]);
    const response = stream_context.headers.response;
    const kind = response.get("content-type");
    let value = "public, max-age=600";
    if (status >= 400) value = "no-store";
    else if (kind.startsWith("image/")) value = "public, max-age=31536000, immutable";
    else if (kind.includes("json")) value = "no-cache";
    response.replace("Cache-Control", value);
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new CacheRoot(id), "cache-control");
