/** Shows what the host says of a request, and keeps a property of its own from one phase to the next. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  get_property,
  registerRootContext,
  RootContext,
  set_property,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

const names = [
  "request.path", "request.url_path", "request.query", "request.host", "request.scheme", "request.method",
  "request.protocol", "request.headers.x-one", "source.address", "route_name", "cluster_name", "plugin_name",
  "plugin_root_id", "weir.tags", "xds.node.id",
];

class PropertiesRoot extends RootContext {
  createContext(id: u32): Context {
    return new Properties(id, this);
  }
}

class Properties extends Context {
  constructor(id: u32, root: PropertiesRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const kept = set_property("my.own", String.UTF8.encode("kept"));
    const moved = set_property("request.host", String.UTF8.encode("elsewhere"));
    stream_context.headers.request.add("x-set", kept.toString() + " " + moved.toString());
    return FilterHeadersStatusValues.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const response = stream_context.headers.response;
    for (let i = 0; i < names.length; i++)
      response.add("x-" + names[i].replaceAll(".", "-").replaceAll("_", "-"), String.UTF8.decode(get_property(names[i])));
    const code = load<i64>(changetype<usize>(get_property("response.code")));
    response.add("x-code", code.toString());
    response.add("x-own", String.UTF8.decode(get_property("my.own")));
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new PropertiesRoot(id), "properties");
