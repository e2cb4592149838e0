/** proxy-wasm modules byte by byte: every host call with its parameters, and guests that make any of them. */
import { buildModule, type FunctionSpec, i32, i64, type ModuleSpec, op } from './wasm-builder.ts';

/** Parameters of each host call, as the specification has them; `I` is an i64. */
export const hostCallParameters: Readonly<Record<string, string>> = {
  proxy_log: 'iii',
  proxy_get_log_level: 'i',
  proxy_get_current_time_nanoseconds: 'i',
  proxy_set_tick_period_milliseconds: 'i',
  proxy_get_property: 'iiii',
  proxy_set_property: 'iiii',
  proxy_get_header_map_size: 'ii',
  proxy_get_header_map_pairs: 'iii',
  proxy_set_header_map_pairs: 'iii',
  proxy_get_header_map_value: 'iiiii',
  proxy_add_header_map_value: 'iiiii',
  proxy_replace_header_map_value: 'iiiii',
  proxy_remove_header_map_value: 'iii',
  proxy_get_buffer_bytes: 'iiiii',
  proxy_get_buffer_status: 'iii',
  proxy_set_buffer_bytes: 'iiiii',
  proxy_send_local_response: 'iiiiiiii',
  proxy_continue_stream: 'i',
  proxy_close_stream: 'i',
  proxy_clear_route_cache: '',
  proxy_set_effective_context: 'i',
  proxy_done: '',
  proxy_get_status: 'iii',
  proxy_http_call: 'iiiiiiiiii',
  proxy_get_shared_data: 'iiiii',
  proxy_set_shared_data: 'iiiii',
  proxy_register_shared_queue: 'iii',
  proxy_resolve_shared_queue: 'iiiii',
  proxy_enqueue_shared_queue: 'iii',
  proxy_dequeue_shared_queue: 'iii',
  proxy_define_metric: 'iiii',
  proxy_increment_metric: 'iI',
  proxy_record_metric: 'iI',
  proxy_get_metric: 'ii',
  proxy_grpc_call: 'iiiiiiiiiiii',
  proxy_grpc_stream: 'iiiiiiiii',
  proxy_grpc_send: 'iiii',
  proxy_grpc_cancel: 'i',
  proxy_grpc_close: 'i',
  proxy_call_foreign_function: 'iiiiii',
  proxy_get_secret: 'iiii',
  proxy_dictionary_get: 'iiii',
};

/** One call with constants for parameters; what it answers is dropped. */
export type MadeCall = { readonly name: string; readonly parameters: readonly number[] };

export type HostileSpec = {
  /** Calls by the callback that makes them. */
  readonly calls?: Readonly<Record<string, readonly MadeCall[]>>;
  /** What each callback answers. */
  readonly answers?: Readonly<Record<string, number>>;
  /** Where the guest says that it has allocated. */
  readonly allocated?: number;
  /** From here on the guest writes what its calls answer, a word each; it drops them otherwise. */
  readonly keeps?: number;
  readonly data?: readonly number[];
  readonly version?: string;
  readonly without?: readonly string[];
  readonly imports?: ModuleSpec['imports'];
  readonly memory?: ModuleSpec['memory'];
  /** Code of a start function. */
  readonly start?: FunctionSpec['code'];
};

const callbacks: Readonly<Record<string, string>> = {
  proxy_on_context_create: 'ii>',
  proxy_on_vm_start: 'ii>i',
  proxy_on_configure: 'ii>i',
  proxy_on_request_headers: 'iii>i',
  proxy_on_request_body: 'iii>i',
  proxy_on_response_headers: 'iii>i',
  proxy_on_response_body: 'iii>i',
  proxy_on_http_call_response: 'iiiii>',
  proxy_on_queue_ready: 'ii>',
  proxy_on_done: 'i>i',
  proxy_on_log: 'i>',
  proxy_on_delete: 'i>',
};

const types = (letters: string): number[] =>
  [...letters].map((letter) => (letter === 'I' ? i64 : i32));

export function hostileGuest(spec: HostileSpec = {}): Uint8Array {
  const { calls = {}, answers = {}, version = '0_2_1', without = [] } = spec;
  const names = [...new Set(Object.values(calls).flatMap((made) => made.map(({ name }) => name)))];
  const imports = [
    ...names.map((name) => ({
      module: 'env',
      name,
      parameters: types(hostCallParameters[name] ?? ''),
      results: [i32],
    })),
    ...(spec.imports ?? []),
  ];
  const made = ({ name, parameters }: MadeCall, at: number): number[] => [
    ...(spec.keeps === undefined ? [] : op.const(spec.keeps + at * 4)),
    ...[...(hostCallParameters[name] ?? '')].flatMap((letter, index) =>
      letter === 'I' ? op.const64(parameters[index] ?? 0) : op.const(parameters[index] ?? 0),
    ),
    ...op.call(names.indexOf(name)),
    ...(spec.keeps === undefined ? op.drop : op.store),
  ];
  const functions: FunctionSpec[] = [
    { name: `proxy_abi_version_${version}`, code: [] },
    {
      name: 'malloc',
      parameters: [i32],
      results: [i32],
      code: [op.const(spec.allocated ?? 32_768)],
    },
    ...Object.entries(callbacks).map(([name, signature]) => {
      const [parameters = '', results = ''] = signature.split('>');
      const code = (calls[name] ?? []).map(made);
      const starts = name === 'proxy_on_vm_start' || name === 'proxy_on_configure';
      if (results !== '') code.push(op.const(answers[name] ?? (starts ? 1 : 0)));
      return { name, parameters: types(parameters), results: types(results), code };
    }),
  ];
  const kept = functions.filter(({ name = '' }) => !without.includes(name));
  const { start } = spec;
  return buildModule({
    imports,
    functions: start === undefined ? kept : [...kept, { code: start }],
    ...(start === undefined ? {} : { start: imports.length + kept.length }),
    ...(spec.memory === undefined ? {} : { memory: spec.memory }),
    ...(spec.data === undefined ? {} : { data: { at: 0, bytes: spec.data } }),
  });
}

export const valueTypes = {
  i32,
  i64,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
} as const;

const constants: Readonly<Record<number, readonly number[]>> = {
  [valueTypes.i32]: op.const(1),
  [valueTypes.i64]: op.const64(1),
  [valueTypes.f64]: [0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
  [valueTypes.v128]: [0xfd, 0x0c, ...Array.from({ length: 16 }, () => 1)],
  [valueTypes.funcref]: [0xd0, 0x70],
  [valueTypes.externref]: [0xd0, 0x6f],
};

/** Calls `proxy_log` with other types than it has. */
export function oddlyTypedGuest(parameter: number, result: number): Uint8Array {
  const value = constants[parameter] ?? [];
  return buildModule({
    imports: [
      {
        module: 'env',
        name: 'proxy_log',
        parameters: [parameter, parameter, parameter],
        results: [result],
      },
    ],
    functions: [
      { name: 'proxy_abi_version_0_2_1', code: [] },
      { name: 'malloc', parameters: [i32], results: [i32], code: [op.const(1_000)] },
      { name: 'proxy_on_context_create', parameters: [i32, i32], code: [] },
      {
        name: 'proxy_on_request_headers',
        parameters: [i32, i32, i32],
        results: [i32],
        code: [value, value, value, op.call(0), op.drop, op.const(0)],
      },
    ],
  });
}
