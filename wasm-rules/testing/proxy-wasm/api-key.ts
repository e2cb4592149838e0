/** Lets requests with the right key pass, by WASI's environment; answers the others itself. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  makeHeaderPair,
  registerRootContext,
  RootContext,
  send_http_response,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { getEnv } from "@gcoredev/proxy-wasm-sdk-as/assembly/fastedge";

class ApiKeyRoot extends RootContext {
  createContext(id: u32): Context {
    return new ApiKey(id, this);
  }
}

class ApiKey extends Context {
  constructor(id: u32, root: ApiKeyRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const expected = getEnv("API_KEY");
    if (expected == "") return this.refuse(500, "no key is configured");
    const given = stream_context.headers.request.get("x-api-key");
    if (given == "") return this.refuse(401, "a key is missing");
    if (given != expected) return this.refuse(403, "the key is wrong");
    stream_context.headers.request.remove("x-api-key");
    return FilterHeadersStatusValues.Continue;
  }

  private refuse(status: u32, why: string): FilterHeadersStatusValues {
    send_http_response(status, why, String.UTF8.encode(why + "\n"), [
      makeHeaderPair("content-type", "text/plain"),
      makeHeaderPair("WWW-Authenticate", "ApiKey"),
      makeHeaderPair("content-length", "999"),
    ]);
    return FilterHeadersStatusValues.StopIteration;
  }
}

registerRootContext((id: u32) => new ApiKeyRoot(id), "api-key");
