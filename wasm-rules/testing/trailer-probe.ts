/** Refuses a request for what stands behind its body, and cuts off a response for the same. */
import { answerAt, answerLength, property } from '../sdk/host';
import { block } from '../sdk/verdict';

export { weir_abi, weir_reserve } from '../sdk/module';

export function weir_request_body(view: usize): usize {
  if (view == 0 || !property('request.trailers.x-evil')) return 0;
  return block(403, 'probe/trailer', 'an evil trailer', 'trailer', answerAt, answerLength);
}

export function weir_response_body(view: usize): usize {
  if (view == 0 || !property('response.trailers.X-Secret')) return 0;
  return block(502, 'probe/secret', 'a secret trailer', 'trailer', answerAt, answerLength);
}
