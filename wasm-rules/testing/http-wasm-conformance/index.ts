/**
 * Tries every host function of the http-wasm handler ABI, one case a request: the header `x-case` names
 * it. What the official conformance guest expects is expected here, and what it leaves out beside.
 *
 * The guest judges what it reads. It answers 500 with `x-failed` where it finds something else than the
 * case says, and marks every response it has touched with `x-handled: 1`.
 */
import {
  addHeader,
  body,
  bodyStart,
  config,
  enable_features,
  get_status_code,
  header,
  headerNames,
  headerValues,
  log,
  log_enabled,
  method,
  protocolVersion,
  removeHeader,
  REQUEST,
  REQUEST_TRAILERS,
  RESPONSE,
  RESPONSE_TRAILERS,
  set_status_code,
  setHeader,
  setMethod,
  setUri,
  sourceAddress,
  uri,
  writeBody,
} from './host';

const features = enable_features(1 | 2 | 4);

/** Which case a response belongs to: the guest's own state, and the number the host hands back. */
const cases = new Array<string>();

const proceed = true;
const answer = false;
let failed = false;

export function handle_request(): u64 {
  failed = false;
  const name = header('x-case');
  const next = request(name) && !failed;
  setHeader(RESPONSE, 'x-handled', '1');
  if (!next) return 0;
  cases.push(name);
  return ((<u64>cases.length) << 32) | 1;
}

export function handle_response(context: u32, isError: u32): void {
  failed = false;
  const name = context > 0 && context <= <u32>cases.length ? cases[context - 1] : '';
  if (isError != 0) {
    log(1, `error after ${name}`);
    return;
  }
  response(name);
}

function fail(text: string): bool {
  failed = true;
  set_status_code(500);
  setHeader(RESPONSE, 'x-failed', text);
  return answer;
}

function expect(what: string, wanted: string, found: string): bool {
  return wanted == found ? answer : fail(`${what}: wanted ${wanted}, found ${found}`);
}

function request(name: string): bool {
  if (name.startsWith('method/')) return expect(name, name.slice(7), method());
  if (name.startsWith('uri/')) return expect(name, header('x-expected'), uri());
  if (name.startsWith('body/')) return expect(name, 'a'.repeat(<i32>parseInt(name.slice(5))), body(REQUEST));
  if (name == 'protocol') return say(protocolVersion());
  if (name == 'source') return say(sourceAddress());
  if (name == 'config') return say(config());
  if (name == 'features') return say(features.toString());
  if (name == 'features/again') return say(enable_features(4).toString());
  if (name == 'set-method') return go(() => setMethod('POST'));
  if (name == 'set-method/same') return go(() => setMethod(method()));
  if (name == 'set-uri') return go(() => setUri('/animal?name=panda'));
  if (name == 'set-method/value') return go(() => setMethod(header('x-value')));
  if (name == 'set-uri/value') return go(() => setUri(header('x-value')));
  if (name == 'set-uri/longer') return go(() => setUri(uri() + '/x'));
  if (name == 'set-line/seen') {
    setMethod('PUT');
    setUri('/b?c');
    return say(method() + ' ' + uri());
  }
  if (name == 'set-uri/same') return go(() => setUri(uri()));
  if (name == 'values') return say(headerValues(REQUEST, header('x-name')).join('|'));
  if (name == 'names') return say(headerNames(REQUEST).join('|'));
  if (name == 'set/new') return go(() => setHeader(REQUEST, 'new-header', 'value'));
  if (name == 'set/existing') return go(() => setHeader(REQUEST, 'Existing-Header', 'value'));
  if (name == 'add/new') return go(() => addHeader(REQUEST, 'new-header', 'value'));
  if (name == 'add/existing') return go(() => addHeader(REQUEST, 'existing-header', ' value '));
  if (name == 'remove/new') return go(() => removeHeader(REQUEST, 'new-header'));
  if (name == 'remove/existing') return go(() => removeHeader(REQUEST, 'existing-header'));
  if (name == 'set/framing') return go(() => setHeader(REQUEST, 'Transfer-Encoding', 'chunked'));
  if (name == 'set/host') return go(() => setHeader(REQUEST, 'host', 'other.example'));
  if (name == 'set/length') return go(() => setHeader(REQUEST, 'content-length', '3'));
  if (name == 'set/newline') return go(() => setHeader(REQUEST, 'a', 'b\r\nc: d'));
  if (name == 'set/name') return go(() => setHeader(REQUEST, 'a b', 'c'));
  if (name == 'set/response') return go(() => setHeader(RESPONSE, 'x-early', 'yes'));
  if (name == 'set/many') return go(() => many());
  if (name == 'own-edits') return ownEdits();
  if (name == 'trailers') {
    return say(`${headerNames(REQUEST_TRAILERS).length}${headerValues(RESPONSE_TRAILERS, 'a').length}`);
  }
  if (name == 'trailers/names') return say(headerNames(REQUEST_TRAILERS).join('|'));
  if (name == 'trailers/values') return say(headerValues(REQUEST_TRAILERS, 'X-Sum').join('|'));
  if (name == 'trailers/change') {
    removeHeader(REQUEST_TRAILERS, 'x-secret');
    setHeader(REQUEST_TRAILERS, 'X-Sum', headerValues(REQUEST_TRAILERS, 'x-sum').join() + '!');
    addHeader(REQUEST_TRAILERS, 'x-count', headerNames(REQUEST_TRAILERS).length.toString());
    return proceed;
  }
  if (name == 'trailers/long') return go(() => setHeader(REQUEST_TRAILERS, 'x-long', 'a'.repeat(8190)));
  if (name == 'trailers/many') {
    for (let i = 0; i < 65; i++) addHeader(REQUEST_TRAILERS, 'x-many', 'a');
    return proceed;
  }
  if (name == 'trailers/framing') return go(() => setHeader(REQUEST_TRAILERS, 'Transfer-Encoding', 'chunked'));
  if (name == 'trailers/early') return go(() => setHeader(RESPONSE_TRAILERS, 'a', 'b'));
  if (name == 'trailers/set') return go(() => setHeader(REQUEST_TRAILERS, 'a', 'b'));
  if (name == 'start-of-body') return say(bodyStart(REQUEST, 5));
  if (name == 'replace-body') {
    writeBody(REQUEST, body(REQUEST).toUpperCase());
    writeBody(REQUEST, '!');
    return proceed;
  }
  if (name == 'empty-body') return go(() => writeBody(REQUEST, ''));
  if (name == 'status') return say(get_status_code().toString());
  if (name == 'status/low') return go(() => set_status_code(199));
  if (name == 'answer') {
    set_status_code(418);
    addHeader(RESPONSE, 'Set-Cookie', 'a=b');
    addHeader(RESPONSE, 'set-cookie', 'c=d');
    setHeader(RESPONSE, 'content-type', 'text/plain');
    setHeader(RESPONSE, 'content-length', '99');
    writeBody(RESPONSE, 'short ');
    writeBody(RESPONSE, 'and stout');
    return answer;
  }
  if (name == 'answer/empty') return answer;
  if (name == 'answer/both') return go(() => writeBody(RESPONSE, 'x'));
  if (name == 'answer/no-content') {
    set_status_code(204);
    return say('x');
  }
  if (name == 'log') {
    log(-1, 'debug');
    log(0, 'info ä');
    log(1, 'warn');
    log(2, 'error');
    log(3, 'none');
    return say(`${log_enabled(-1)}${log_enabled(0)}${log_enabled(1)}${log_enabled(2)}${log_enabled(3)}`);
  }
  if (name == 'trap') unreachable();
  if (name == 'spin') while (true) {}
  return proceed;
}

function response(name: string): void {
  if (name == 'response/read') {
    setHeader(RESPONSE, 'x-seen', `${get_status_code()} ${headerValues(RESPONSE, 'x-origin').join('|')} ${body(RESPONSE)}`);
  } else if (name == 'response/names') {
    setHeader(RESPONSE, 'x-seen', headerNames(RESPONSE).join('|'));
  } else if (name == 'response/change') {
    removeHeader(RESPONSE, 'x-origin');
    addHeader(RESPONSE, 'x-added', '1');
    writeBody(RESPONSE, body(RESPONSE).replaceAll('secret', '######'));
  } else if (name == 'response/status') {
    set_status_code(404);
  } else if (name == 'response/status-body') {
    set_status_code(404);
    writeBody(RESPONSE, 'gone');
  } else if (name == 'response/set-request') {
    setHeader(REQUEST, 'a', 'b');
  } else if (name == 'response/trailers') {
    removeHeader(RESPONSE_TRAILERS, 'x-secret');
    setHeader(RESPONSE_TRAILERS, 'x-sum', headerValues(RESPONSE_TRAILERS, 'x-sum').join() + '!');
    addHeader(RESPONSE_TRAILERS, 'x-seen', headerNames(RESPONSE_TRAILERS).join(' '));
  } else if (name == 'response/trailers-status') {
    set_status_code(404);
    setHeader(RESPONSE_TRAILERS, 'x-sum', '1');
  } else if (name == 'response/trap') {
    unreachable();
  }
}

function ownEdits(): bool {
  setHeader(REQUEST, 'A', '1');
  addHeader(REQUEST, 'a', '2');
  removeHeader(REQUEST, 'existing-header');
  setHeader(RESPONSE, 'b', '3');
  return say(
    `${headerValues(REQUEST, 'a').join('|')} ${headerNames(REQUEST).includes('existing-header')} ${headerValues(RESPONSE, 'B').join('|')} ${headerNames(RESPONSE).join('|')}`,
  );
}

function say(text: string): bool {
  writeBody(RESPONSE, text);
  return answer;
}

function go(work: () => void): bool {
  work();
  return proceed;
}

function many(): void {
  for (let i = 0; i < 65; i++) addHeader(REQUEST, `x-${i}`, 'v');
}
