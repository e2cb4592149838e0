/**
 * `metric_define`, `metric_add` and `metric_set`: counters and gauges of the module's own, on the metrics
 * page under its name. Defined while the module is configured, so a request can make none.
 *
 * An id is the place in the list of what this instance has defined; the numbers behind it are the
 * module's and outlive the instance.
 */
import type { CustomMetric } from '../host-services.ts';
import { logLevel } from '../host-services.ts';
import { type CallSite, type HostCall, none } from './call-site.ts';

const kinds = ['counter', 'gauge'] as const;
const nameBytesMax = 64;

export function metricCalls(): readonly HostCall[] {
  const defined: CustomMetric[] = [];
  const metricOf = (call: CallSite, id: number): CustomMetric => {
    const metric = defined[id];
    if (metric === undefined) throw call.failure(`${id} is no id that metric_define gave`);
    return metric;
  };
  return [
    {
      name: 'metric_define',
      signature: '(i32,i32,i32)->i32',
      grants: ['metrics'],
      bind: (call) => (kind: number, at: number, length: number) => {
        call.enter();
        call.needsConfiguring();
        const wanted = kinds[kind];
        if (wanted === undefined)
          throw call.failure(`kind ${kind} is neither 0 (counter) nor 1 (gauge)`);
        const { services, module } = call.context;
        const name = call.text(at, length, 'the name', nameBytesMax + 1);
        const metric = services.metrics.define(module.name, wanted, name);
        if (typeof metric === 'string') {
          services.log(
            logLevel.warn,
            module.name,
            `metric ${JSON.stringify(name)} is not defined: ${metric}`,
          );
          return none;
        }
        const known = defined.indexOf(metric);
        return known === -1 ? defined.push(metric) - 1 : known;
      },
    },
    {
      name: 'metric_add',
      signature: '(i32,i64)->()',
      grants: ['metrics'],
      bind: (call) => (id: number, delta: bigint) => {
        call.enter();
        const metric = metricOf(call, id);
        if (metric.kind === 'counter' && delta < 0n)
          throw call.failure('a counter never goes down: define a gauge');
        metric.add(Number(delta));
        return undefined;
      },
    },
    {
      name: 'metric_set',
      signature: '(i32,f64)->()',
      grants: ['metrics'],
      bind: (call) => (id: number, value: number) => {
        call.enter();
        const metric = metricOf(call, id);
        if (metric.kind === 'counter') throw call.failure('a counter is not set: define a gauge');
        metric.set(value);
        return undefined;
      },
    },
  ];
}
