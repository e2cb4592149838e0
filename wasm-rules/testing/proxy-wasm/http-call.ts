/** Asks another server about every request, and goes on when it says yes. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  BaseContext,
  BufferTypeValues,
  Context,
  continue_request,
  FilterHeadersStatusValues,
  get_buffer_bytes,
  makeHeaderPair,
  registerRootContext,
  RootContext,
  send_http_response,
  stream_context,
  WasmResultValues,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class CallRoot extends RootContext {
  createContext(id: u32): Context {
    return new Call(id, this);
  }
}

class Call extends Context {
  constructor(id: u32, root: CallRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const result = (this.root_context as CallRoot).httpCall(
      this.root_context.getConfiguration(),
      [
        makeHeaderPair(":method", "POST"),
        makeHeaderPair(":path", "/check"),
        makeHeaderPair(":authority", "auth.example"),
        makeHeaderPair("x-path", stream_context.headers.request.get(":path")),
      ],
      String.UTF8.encode("who is it"),
      [],
      1000,
      this,
      (origin: BaseContext, headers: u32, size: usize, trailers: u32): void => {
        const status = stream_context.headers.http_callback.get(":status");
        const body = String.UTF8.decode(get_buffer_bytes(BufferTypeValues.HttpCallResponseBody, 0, <u32>size));
        if (headers != 0 && status == "200") {
          stream_context.headers.request.add("x-user", body);
          continue_request();
        } else {
          send_http_response(headers == 0 ? 504 : 403, "refused", String.UTF8.encode("no: " + body), []);
        }
      },
    );
    if (result != WasmResultValues.Ok) {
      send_http_response(502, "no call", String.UTF8.encode("no call: " + result.toString()), []);
    }
    return FilterHeadersStatusValues.StopIteration;
  }
}

registerRootContext((id: u32) => new CallRoot(id), "http-call");
