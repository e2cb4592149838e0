/** `weir_crowdsec_*`: what came from an agent, and what bouncers were answered. */
import type { MetricFamily, MetricRegistry } from '#telemetry/metrics.ts';
import type { CallKind, CallResult } from './bouncer-server.ts';
import type { LapiStatus } from './lapi-client.ts';

export const crowdsecFamilies = {
  polls: {
    name: 'weir_crowdsec_polls_total',
    type: 'counter',
    help: 'Questions to the CrowdSec agent, by what came of them.',
  },
  entries: {
    name: 'weir_crowdsec_entries',
    type: 'gauge',
    help: 'Decisions of the CrowdSec agent that are enforced.',
  },
  calls: {
    name: 'weir_crowdsec_calls_total',
    type: 'counter',
    help: 'Questions of bouncers, by kind and by what they were answered.',
  },
} as const satisfies Record<string, MetricFamily>;

export class CrowdsecCounts {
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  asked(result: 'answered' | 'failed', { entries }: LapiStatus): void {
    const { polls, entries: gauge } = crowdsecFamilies;
    this.#registry.counter(polls.name, polls.help, { result }).value++;
    this.#registry.gauge(gauge.name, gauge.help).value = entries;
  }

  called(kind: CallKind, result: CallResult): void {
    const { name, help } = crowdsecFamilies.calls;
    this.#registry.counter(name, help, { kind, result }).value++;
  }
}
