/** Host calls on what a module keeps beyond a request: shared data, queues, metrics, timers. */
import { metricType, status } from '../abi.ts';
import type { CallHost, HostCalls } from '../host.ts';
import { sharedKeyBytesMax } from '../shared-data.ts';

const sharedValueBytesMax = 1024 * 1024;
const metricNameBytesMax = 256;
const kinds = { 0: 'counter', 1: 'gauge', 2: 'histogram' } as const;

export function sharedCalls(host: CallHost): HostCalls {
  const { access, services } = host;
  const { shared, metrics } = services.state;

  return {
    proxy_get_shared_data(
      keyAt: number,
      keyLength: number,
      intoAddress: number,
      intoLength: number,
      intoVersion: number,
    ): number {
      const key = access.text(keyAt, keyLength, sharedKeyBytesMax);
      if (key === null) return status.invalidMemoryAccess;
      const value = shared.get(key);
      if (value === undefined) return status.notFound;
      return access.writeWord(intoVersion, value.version)
        ? access.give(value.bytes, intoAddress, intoLength)
        : status.invalidMemoryAccess;
    },
    proxy_set_shared_data(
      keyAt: number,
      keyLength: number,
      valueAt: number,
      valueLength: number,
      version: number,
    ): number {
      if (valueLength >>> 0 > sharedValueBytesMax) return status.badArgument;
      const key = access.text(keyAt, keyLength, sharedKeyBytesMax);
      const value = access.view(valueAt, valueLength);
      if (key === null || value === null) return status.invalidMemoryAccess;
      const answer = shared.set(key, Buffer.from(value), version >>> 0);
      if (answer === status.internalFailure)
        host.refuse('proxy_set_shared_data: the module keeps as much as it may');
      return answer;
    },
    proxy_register_shared_queue(nameAt: number, nameLength: number, into: number): number {
      const name = access.text(nameAt, nameLength, sharedKeyBytesMax);
      if (name === null) return status.invalidMemoryAccess;
      const token = shared.registerQueue(name);
      if (token === 0) {
        host.refuse('proxy_register_shared_queue: the module has as many queues as it may have');
        return status.internalFailure;
      }
      return access.writeWord(into, token) ? status.ok : status.invalidMemoryAccess;
    },
    /** Queues belong to a module, so whose machine is meant makes no difference. */
    proxy_resolve_shared_queue(
      _vmAt: number,
      _vmLength: number,
      nameAt: number,
      nameLength: number,
      into: number,
    ): number {
      const name = access.text(nameAt, nameLength, sharedKeyBytesMax);
      if (name === null) return status.invalidMemoryAccess;
      const token = shared.resolveQueue(name);
      if (token === 0) return status.notFound;
      return access.writeWord(into, token) ? status.ok : status.invalidMemoryAccess;
    },
    proxy_enqueue_shared_queue(token: number, valueAt: number, valueLength: number): number {
      if (valueLength >>> 0 > sharedValueBytesMax) return status.badArgument;
      const value = access.view(valueAt, valueLength);
      if (value === null) return status.invalidMemoryAccess;
      const answer = shared.enqueue(token >>> 0, Buffer.from(value));
      if (answer === status.ok) host.queueReady(token >>> 0);
      if (answer === status.internalFailure) host.refuse('proxy_enqueue_shared_queue: it is full');
      return answer;
    },
    proxy_dequeue_shared_queue(token: number, intoAddress: number, intoLength: number): number {
      const item = shared.dequeue(token >>> 0);
      return typeof item === 'number' ? item : access.give(item, intoAddress, intoLength);
    },
    proxy_define_metric(type: number, nameAt: number, nameLength: number, into: number): number {
      const name = access.text(nameAt, nameLength, metricNameBytesMax);
      if (name === null) return status.invalidMemoryAccess;
      if (type >>> 0 > metricType.histogram) return status.badArgument;
      const id = metrics.define(kinds[type as keyof typeof kinds], name);
      if (typeof id === 'string') {
        host.refuse(`proxy_define_metric: ${id}`);
        return status.internalFailure;
      }
      return access.writeWord(into, id) ? status.ok : status.invalidMemoryAccess;
    },
    proxy_increment_metric: (id: number, delta: bigint) =>
      metrics.increment(id >>> 0, Number(BigInt.asIntN(64, delta))),
    proxy_record_metric: (id: number, value: bigint) =>
      metrics.record(id >>> 0, Number(BigInt.asUintN(64, value))),
    proxy_get_metric(id: number, into: number): number {
      const value = metrics.value(id >>> 0);
      if (value === null) return status.notFound;
      return access.writeWord64(into, BigInt(Math.trunc(value)))
        ? status.ok
        : status.invalidMemoryAccess;
    },
    proxy_set_tick_period_milliseconds(periodMs: number): number {
      host.setTick(periodMs >>> 0);
      return status.ok;
    },
  };
}
