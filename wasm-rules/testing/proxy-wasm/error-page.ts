/** Puts a page of its own in the place of the upstream's errors. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  BufferTypeValues,
  Context,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  registerRootContext,
  RootContext,
  set_buffer_bytes,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class PageRoot extends RootContext {
  createContext(id: u32): Context {
    return new Page(id, this);
  }
}

class Page extends Context {
  private status: string = "";

  constructor(id: u32, root: PageRoot) {
    super(id, root);
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    this.status = stream_context.headers.response.get(":status");
    if (this.status >= "400") stream_context.headers.response.replace("content-type", "text/html");
    return FilterHeadersStatusValues.Continue;
  }

  onResponseBody(length: usize, endOfStream: bool): FilterDataStatusValues {
    if (this.status < "400") return FilterDataStatusValues.Continue;
    if (!endOfStream) return FilterDataStatusValues.StopIterationAndBuffer;
    const page = String.UTF8.encode("<h1>" + this.status + "</h1>");
    set_buffer_bytes(BufferTypeValues.HttpResponseBody, 0, <u32>length, page);
    return FilterDataStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new PageRoot(id), "error-page");
