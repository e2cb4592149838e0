/** Takes the word "secret" out of a request's body, and answers every body in capitals. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  BufferTypeValues,
  Context,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  get_buffer_bytes,
  registerRootContext,
  RootContext,
  set_buffer_bytes,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class BodyRoot extends RootContext {
  createContext(id: u32): Context {
    return new Body(id, this);
  }
}

class Body extends Context {
  constructor(id: u32, root: BodyRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    stream_context.headers.request.remove("content-length");
    return FilterHeadersStatusValues.Continue;
  }

  onRequestBody(length: usize, endOfStream: bool): FilterDataStatusValues {
    if (!endOfStream) return FilterDataStatusValues.StopIterationAndBuffer;
    const text = String.UTF8.decode(get_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, <u32>length));
    if (text.includes("secret")) {
      const changed = String.UTF8.encode(text.replaceAll("secret", "[removed]"));
      set_buffer_bytes(BufferTypeValues.HttpRequestBody, 0, <u32>length, changed);
    }
    return FilterDataStatusValues.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    stream_context.headers.response.remove("content-length");
    stream_context.headers.response.replace("transfer-encoding", "Chunked");
    return FilterHeadersStatusValues.Continue;
  }

  onResponseBody(length: usize, endOfStream: bool): FilterDataStatusValues {
    if (!endOfStream) return FilterDataStatusValues.StopIterationAndBuffer;
    const text = String.UTF8.decode(get_buffer_bytes(BufferTypeValues.HttpResponseBody, 0, <u32>length));
    const changed = String.UTF8.encode(text.toUpperCase());
    set_buffer_bytes(BufferTypeValues.HttpResponseBody, 0, <u32>length, changed);
    // Behind the end: appended.
    set_buffer_bytes(BufferTypeValues.HttpResponseBody, 0xffffffff, 0, String.UTF8.encode("!"));
    return FilterDataStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new BodyRoot(id), "body");
