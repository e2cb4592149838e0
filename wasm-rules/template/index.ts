/**
 * my-rule: refuses requests whose method this site does not use.
 *
 * Which methods those are is said in the configuration (`waf.rules.my-rule.config.methods`).
 */
import { Config } from 'weir/config';
import { equals } from 'weir/matcher';
import { Request } from 'weir/request';
import { block } from 'weir/verdict';

export { weir_abi, weir_reserve } from 'weir/module';

let methods: string[] = ['GET', 'HEAD', 'POST'];

/** Called once, before the first request. What it puts into globals stays. */
export function weir_configure(at: usize, length: i32): i32 {
  const config = new Config(at, length);
  if (config.has('methods')) methods = config.strings('methods');
  return config.done();
}

/** Called for each request. What it puts into globals is undone when it returns. */
export function weir_request_head(view: usize): usize {
  const request = changetype<Request>(view);
  for (let i = 0; i < methods.length; i++) {
    if (equals(request.methodAt, request.methodLength, methods[i])) return 0;
  }
  return block(
    405,
    'my-rule/method',
    'this site does not use the method',
    'method',
    request.methodAt,
    request.methodLength,
  );
}
