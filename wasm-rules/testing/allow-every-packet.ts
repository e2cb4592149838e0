/** The least a module of packets can be: what calling it costs, for the bench. */
export { weir_abi, weir_reserve } from '../sdk/module';

export function weir_packet(_view: usize): usize {
  return 0;
}
