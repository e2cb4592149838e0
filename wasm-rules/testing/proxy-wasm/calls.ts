/**
 * Makes the host calls that the SDK has no function for, or that no other module here makes, and says in the request's
 * fields what each answered: its status, then what it wrote.
 */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  registerRootContext,
  RootContext,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

@external("env", "proxy_log")
declare function proxy_log(level: u32, at: usize, length: usize): u32;
@external("env", "proxy_get_log_level")
declare function proxy_get_log_level(into: usize): u32;
@external("env", "proxy_get_header_map_size")
declare function proxy_get_header_map_size(type: u32, into: usize): u32;
@external("env", "proxy_get_buffer_status")
declare function proxy_get_buffer_status(type: u32, intoLength: usize, intoFlags: usize): u32;
@external("env", "proxy_close_stream")
declare function proxy_close_stream(type: u32): u32;
@external("env", "proxy_done")
declare function proxy_done(): u32;
@external("env", "proxy_get_status")
declare function proxy_get_status(into: usize, intoAt: usize, intoLength: usize): u32;
@external("env", "proxy_register_shared_queue")
declare function proxy_register_shared_queue(at: usize, length: usize, into: usize): u32;
@external("env", "proxy_resolve_shared_queue")
declare function proxy_resolve_shared_queue(vmAt: usize, vmLength: usize, at: usize, length: usize, into: usize): u32;
@external("env", "proxy_define_metric")
declare function proxy_define_metric(type: u32, at: usize, length: usize, into: usize): u32;
@external("env", "proxy_increment_metric")
declare function proxy_increment_metric(id: u32, offset: i64): u32;
@external("env", "proxy_get_metric")
declare function proxy_get_metric(id: u32, into: usize): u32;
@external("env", "proxy_grpc_call")
declare function proxy_grpc_call(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize, g: usize, h: usize, i: usize, j: usize, k: u32, l: usize): u32;
@external("env", "proxy_grpc_stream")
declare function proxy_grpc_stream(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize, g: usize, h: usize, i: usize): u32;
@external("env", "proxy_grpc_send")
declare function proxy_grpc_send(token: u32, at: usize, length: usize, end: u32): u32;
@external("env", "proxy_grpc_cancel")
declare function proxy_grpc_cancel(token: u32): u32;
@external("env", "proxy_grpc_close")
declare function proxy_grpc_close(token: u32): u32;
@external("env", "proxy_call_foreign_function")
declare function proxy_call_foreign_function(at: usize, length: usize, inAt: usize, inLength: usize, intoAt: usize, intoLength: usize): u32;
@external("env", "proxy_get_secret")
declare function proxy_get_secret(at: usize, length: usize, intoAt: usize, intoLength: usize): u32;
@external("env", "proxy_dictionary_get")
declare function proxy_dictionary_get(at: usize, length: usize, intoAt: usize, intoLength: usize): u32;
@external("env", "emscripten_notify_memory_growth")
declare function emscripten_notify_memory_growth(memory: u32): void;

const words = memory.data(24);

class CallsRoot extends RootContext {
  createContext(id: u32): Context {
    return new Calls(id, this);
  }
}

function say(name: string, answer: u32, what: string = ""): void {
  stream_context.headers.request.add("x-" + name, answer.toString() + (what == "" ? "" : " " + what));
}

function word(index: i32): string {
  return load<u32>(words + <usize>index * 4).toString();
}

function given(): string {
  const length = load<u32>(words + 4);
  return length == 0 ? "" : String.UTF8.decodeUnsafe(load<u32>(words), length);
}

class Calls extends Context {
  constructor(id: u32, root: CallsRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const line = String.UTF8.encode("said");
    const at = changetype<usize>(line);
    const length = <usize>line.byteLength;
    say("size", proxy_get_header_map_size(0, words), word(0));
    say("log", proxy_log(3, at, length));
    say("level", proxy_get_log_level(words), word(0));
    say("close", proxy_close_stream(0));
    say("done", proxy_done());
    say("status", proxy_get_status(words, words + 4, words + 8), word(0));
    say("unresolved", proxy_resolve_shared_queue(0, 0, at, length, words));
    proxy_register_shared_queue(at, length, words);
    const token = word(0);
    say("resolved", proxy_resolve_shared_queue(0, 0, at, length, words), (word(0) == token).toString());
    proxy_define_metric(1, at, length, words);
    const metric = load<u32>(words);
    proxy_increment_metric(metric, 7);
    say("metric", proxy_get_metric(metric, words + 8), load<u64>(words + 8).toString());
    say("grpc", proxy_grpc_call(at, length, at, length, at, length, 0, 0, 0, 0, 100, words));
    say("stream", proxy_grpc_stream(at, length, at, length, at, length, 0, 0, words));
    say("send", proxy_grpc_send(1, at, length, 1));
    say("cancel", proxy_grpc_cancel(1));
    say("end", proxy_grpc_close(1));
    say("foreign", proxy_call_foreign_function(at, length, 0, 0, words, words + 4));
    say("secret", proxy_get_secret(at, length, words, words + 4), given());
    say("dictionary", proxy_dictionary_get(at, length, words, words + 4), given());
    emscripten_notify_memory_growth(0);
    return FilterHeadersStatusValues.Continue;
  }

  onRequestBody(size: usize, endOfStream: bool): FilterDataStatusValues {
    if (endOfStream) say("buffer", proxy_get_buffer_status(0, words, words + 4), word(0) + " " + word(1));
    return FilterDataStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new CallsRoot(id), "calls");
