/** Says in the request's head which trailers came with it, changes them where asked, and those of the response. */
export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy";
import {
  Context,
  continue_request,
  FilterDataStatusValues,
  FilterTrailersStatusValues,
  registerRootContext,
  RootContext,
  send_http_response,
  set_tick_period_milliseconds,
  stream_context,
} from "@gcoredev/proxy-wasm-sdk-as/assembly";

class TrailersRoot extends RootContext {
  paused: Array<Trailers> = new Array<Trailers>();

  createContext(id: u32): Context {
    return new Trailers(id, this);
  }

  onTick(): void {
    set_tick_period_milliseconds(0);
    for (let i = 0; i < this.paused.length; i++) {
      this.paused[i].setEffectiveContext();
      continue_request();
    }
    this.paused = new Array<Trailers>();
  }
}

class Trailers extends Context {
  constructor(id: u32, root: TrailersRoot) {
    super(id, root);
  }

  onRequestBody(size: usize, endOfStream: bool): FilterDataStatusValues {
    if (!endOfStream || stream_context.headers.request.get("x-pause") == "") {
      return FilterDataStatusValues.Continue;
    }
    (this.root_context as TrailersRoot).paused.push(this);
    set_tick_period_milliseconds(1);
    return FilterDataStatusValues.StopIterationAndBuffer;
  }

  onRequestTrailers(count: u32): FilterTrailersStatusValues {
    const pairs = stream_context.trailers.request.get_headers();
    let text = count.toString();
    for (let i = 0; i < pairs.length; i++) {
      text += " " + String.UTF8.decode(pairs[i].key) + "=" + String.UTF8.decode(pairs[i].value);
    }
    stream_context.headers.request.add("x-trailers", text);
    if (stream_context.headers.request.get("x-change") != "") {
      stream_context.trailers.request.remove("x-sum");
      stream_context.trailers.request.add("x-own", count.toString());
    }
    if (stream_context.trailers.request.get("x-evil") != "") {
      send_http_response(403, "evil", String.UTF8.encode("no"), []);
    }
    return FilterTrailersStatusValues.Continue;
  }

  onResponseTrailers(count: u32): FilterTrailersStatusValues {
    const trailers = stream_context.trailers.response;
    trailers.remove("x-secret");
    trailers.replace("x-sum", trailers.get("x-sum") + "!");
    trailers.add("x-count", count.toString());
    return FilterTrailersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new TrailersRoot(id), "trailers");
