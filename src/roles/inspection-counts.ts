/** What the inspection of packets counts, in the process that does it. */
import type { MetricRegistry, Series } from '#telemetry/metrics.ts';

const verdicts = ['pass', 'drop', 'alert', 'undecided'] as const;

export class InspectionCounts {
  readonly packets: Series;
  readonly flows: Readonly<Record<(typeof verdicts)[number], Series>>;
  readonly failures: Series;
  readonly unreadable: Series;
  readonly late: Series;
  readonly forgotten: Series;
  readonly unlogged: Series;

  constructor(registry: MetricRegistry) {
    const counter = (what: string, help: string) =>
      registry.counter(`weir_inspect_${what}_total`, help);
    this.packets = counter(
      'packets',
      'Packets that the kernel showed to the module of inspect rules.',
    );
    const flow = (verdict: string) =>
      registry.counter(
        'weir_inspect_flows_total',
        'Flows by what the module of inspect rules said of them; undecided after the last packet shown is a pass.',
        { verdict },
      );
    this.flows = {
      pass: flow('pass'),
      drop: flow('drop'),
      alert: flow('alert'),
      undecided: flow('undecided'),
    };
    this.failures = counter('failures', 'Packets at which the module of inspect rules failed.');
    this.unreadable = counter('unreadable', 'Shown packets whose heads contradict each other.');
    this.late = counter(
      'late',
      'Shown packets of flows that have a verdict by now, or are forgotten.',
    );
    this.forgotten = counter(
      'notes_evicted',
      'Flows whose notes of the module gave way to those of others.',
    );
    this.unlogged = counter('unlogged', 'Dropped and alerted flows without a line in the log.');
  }

  get values() {
    const { packets, failures, unreadable, flows } = this;
    return {
      packets: packets.value,
      flows: {
        pass: flows.pass.value,
        drop: flows.drop.value,
        alert: flows.alert.value,
        undecided: flows.undecided.value,
      },
      failures: failures.value,
      unreadable: unreadable.value,
    };
  }
}
