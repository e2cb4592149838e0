/** Says to browsers of the allowed origins that they may read the response. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  registerRootContext,
  RootContext,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { getEnv } from "@gcoredev/proxy-wasm-sdk-as/assembly/fastedge";

class CorsRoot extends RootContext {
  createContext(id: u32): Context {
    return new Cors(id, this);
  }
}

class Cors extends Context {
  constructor(id: u32, root: CorsRoot) {
    super(id, root);
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const origin = stream_context.headers.request.get("Origin");
    if (origin == "") return FilterHeadersStatusValues.Continue;
    const allowed = getEnv("ALLOWED_ORIGINS");
    if (allowed != "*" && !allowed.split(",").includes(origin)) return FilterHeadersStatusValues.Continue;
    const response = stream_context.headers.response;
    response.replace("Access-Control-Allow-Origin", allowed == "*" ? "*" : origin);
    response.add("Vary", "Origin");
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new CorsRoot(id), "cors");
