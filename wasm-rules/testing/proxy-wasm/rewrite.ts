/** Rewrites the request line as the request asks, by fields or by properties, and says what it sees afterwards. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  get_property,
  registerRootContext,
  RootContext,
  set_property,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { clear_route_cache } from "@gcoredev/proxy-wasm-sdk-as/assembly/runtime";

class RewriteRoot extends RootContext {
  createContext(id: u32): Context {
    return new Rewrite(id, this);
  }
}

function asked(name: string): string {
  return stream_context.headers.request.get(name);
}

function property(name: string): string {
  return String.UTF8.decode(get_property(name));
}

class Rewrite extends Context {
  constructor(id: u32, root: RewriteRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    if (asked("x-later") == "") this.rewrite();
    return FilterHeadersStatusValues.Continue;
  }

  onRequestBody(size: usize, endOfStream: bool): FilterDataStatusValues {
    if (endOfStream && asked("x-later") != "") this.rewrite();
    return FilterDataStatusValues.Continue;
  }

  private rewrite(): void {
    const request = stream_context.headers.request;
    if (asked("x-path") != "") request.replace(":path", asked("x-path"));
    if (asked("x-method") != "") request.replace(":method", asked("x-method"));
    if (asked("x-authority") != "") request.replace(":authority", asked("x-authority"));
    if (asked("x-all") != "") {
      const pairs = request.get_headers();
      for (let i = 0; i < pairs.length; i++) {
        if (String.UTF8.decode(pairs[i].key) == ":path") pairs[i].value = String.UTF8.encode(asked("x-all"));
      }
      request.set_headers(pairs);
    }
    if (asked("x-property") != "") {
      const parts = asked("x-property").split(" ");
      let value = parts.length > 1 ? parts[1] : "";
      if (value.startsWith("//")) value = property("request.scheme") + ":" + value;
      const result = set_property(parts[0], String.UTF8.encode(value));
      request.add("x-result", (<u32>result).toString());
    }
    if (asked("x-clear") != "") clear_route_cache();
    request.add("x-line", asked(":method") + " " + asked(":path"));
    request.add("x-properties", property("request.method") + " " + property("request.url_path") + "?" + property("request.query") + ".");
  }
}

registerRootContext((id: u32) => new RewriteRoot(id), "rewrite");
