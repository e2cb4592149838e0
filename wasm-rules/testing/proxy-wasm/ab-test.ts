/** Assigns a visitor to a variant, tells the upstream which, and has the browser remember it. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  registerRootContext,
  RootContext,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { getCurrentTime } from "@gcoredev/proxy-wasm-sdk-as/assembly/fastedge/utils/runtime";

class AbRoot extends RootContext {
  createContext(id: u32): Context {
    return new Ab(id, this);
  }
}

class Ab extends Context {
  private variant: string = "";
  private isNew: bool = false;

  constructor(id: u32, root: AbRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const cookies = stream_context.headers.request.get("cookie").split("; ");
    for (let i = 0; i < cookies.length; i++) {
      if (cookies[i].startsWith("variant=")) this.variant = cookies[i].substring(8);
    }
    if (this.variant != "a" && this.variant != "b") {
      this.isNew = true;
      this.variant = getCurrentTime() % 2 == 0 ? "a" : "b";
    }
    stream_context.headers.request.add("x-variant", this.variant);
    return FilterHeadersStatusValues.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    if (this.isNew) stream_context.headers.response.add("set-cookie", "variant=" + this.variant + "; Path=/");
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new AbRoot(id), "ab-test");
