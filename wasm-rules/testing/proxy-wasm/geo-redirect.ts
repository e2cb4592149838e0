/** Sends visitors to the site of their country, by a property that the host looks up. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  get_property,
  makeHeaderPair,
  registerRootContext,
  RootContext,
  send_http_response,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";
import { getEnv } from "@gcoredev/proxy-wasm-sdk-as/assembly/fastedge";

class GeoRoot extends RootContext {
  createContext(id: u32): Context {
    return new Geo(id, this);
  }
}

class Geo extends Context {
  constructor(id: u32, root: GeoRoot) {
    super(id, root);
  }

  onRequestHeaders(count: u32, endOfStream: bool): FilterHeadersStatusValues {
    const country = String.UTF8.decode(get_property("request.country"));
    const site = country == "" ? getEnv("DEFAULT") : getEnv(country);
    if (site == "") return FilterHeadersStatusValues.Continue;
    const path = String.UTF8.decode(get_property("request.path"));
    send_http_response(302, "another site", new ArrayBuffer(0), [makeHeaderPair("location", site + path)]);
    return FilterHeadersStatusValues.StopIteration;
  }
}

registerRootContext((id: u32) => new GeoRoot(id), "geo-redirect");
