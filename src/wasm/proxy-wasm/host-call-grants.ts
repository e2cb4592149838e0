/**
 * Every call of proxy-wasm 0.2 a module may import, with the grant it needs; null for none. Calls that
 * answer Unimplemented are among them: SDKs import them in modules that never make them.
 */
import type { Grant } from '#config/module-schema.ts';

export const hostCallGrants: Readonly<Record<string, Grant | null>> = {
  proxy_log: null,
  proxy_get_log_level: null,
  proxy_get_current_time_nanoseconds: 'clock',
  proxy_set_tick_period_milliseconds: 'clock',
  proxy_get_property: 'property',
  proxy_set_property: 'property',
  proxy_get_header_map_size: null,
  proxy_get_header_map_pairs: null,
  proxy_set_header_map_pairs: null,
  proxy_get_header_map_value: null,
  proxy_add_header_map_value: null,
  proxy_replace_header_map_value: null,
  proxy_remove_header_map_value: null,
  proxy_get_buffer_bytes: null,
  proxy_get_buffer_status: null,
  proxy_set_buffer_bytes: null,
  proxy_send_local_response: null,
  proxy_continue_stream: null,
  proxy_close_stream: null,
  proxy_clear_route_cache: null,
  proxy_set_effective_context: null,
  proxy_done: null,
  proxy_get_status: null,
  proxy_http_call: 'fetch',
  proxy_get_shared_data: 'kv:worker',
  proxy_set_shared_data: 'kv:worker',
  proxy_register_shared_queue: 'kv:worker',
  proxy_resolve_shared_queue: 'kv:worker',
  proxy_enqueue_shared_queue: 'kv:worker',
  proxy_dequeue_shared_queue: 'kv:worker',
  proxy_define_metric: 'metrics',
  proxy_increment_metric: 'metrics',
  proxy_record_metric: 'metrics',
  proxy_get_metric: 'metrics',
  proxy_grpc_call: null,
  proxy_grpc_stream: null,
  proxy_grpc_send: null,
  proxy_grpc_cancel: null,
  proxy_grpc_close: null,
  proxy_call_foreign_function: null,
  // No part of proxy-wasm, and asked for by public filters.
  proxy_get_secret: null,
  proxy_dictionary_get: null,
  // Emscripten tells the host of grown memory; views are made anew before each use anyway.
  emscripten_notify_memory_growth: null,
};
