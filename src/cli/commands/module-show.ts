/** `weir module show` — one rule module of a running node, and what was counted of the version that is live. */
import { moduleListAnswer } from '#admin/module-schema.ts';
import { failureError } from '#cli/cli-error.ts';
import { type Command, type CommandContext, jsonOption, stateOption } from '#cli/command.ts';
import { callDaemon, readDaemonText } from '#cli/daemon-client.ts';
import { formatTime } from '#cli/duration.ts';
import { exitCodes } from '#cli/exit-codes.ts';
import {
  type HistogramFigures,
  histogramFigures,
  type MetricSample,
  readMetricLines,
} from '#cli/metric-lines.ts';
import { type Cell, printable } from '#cli/printer.ts';
import { shortHash, thousands } from '#cli/words.ts';

/** As metrics name a version. */
const versionLabelLength = 12;

type Counts = Readonly<Record<string, number>>;

type Figures = {
  readonly calls: Counts;
  readonly verdicts: Counts;
  readonly failures: Counts;
  readonly hostCalls: Counts;
  readonly seconds: HistogramFigures | null;
  readonly instructions: HistogramFigures | null;
  readonly memoryBytes: number | null;
  /** Null for a version that went live with others, at a start or a reload. */
  readonly loadSeconds: number | null;
  /** From its bytes to its first instance, the mean of the workers. */
  readonly readySeconds: number | null;
};

export const moduleShow: Command = {
  words: ['module', 'show'],
  summary: 'show a rule module of a running node, with what it costs and how it fails',
  positionals: ['NAME'],
  options: [jsonOption, stateOption],
  examples: ['weir module show core'],
  async run(context) {
    const name = context.given.positional(0);
    const { modules } = await callDaemon(context, {
      method: 'GET',
      path: '/api/v1/modules',
      answer: moduleListAnswer,
    });
    const module = modules.find((one) => one.name === name);
    if (module === undefined) throw unknownModule(name, modules);
    const figures = await figuresOf(context, name, module.sha256);
    context.print.answer({ module, figures }, () => {
      const { version, state, sha256, bytes, origin, signedBy, loadedAt, lastError } = module;
      const signer = signedBy === null ? '' : `, signed by ${signedBy}`;
      const rows: readonly (readonly [string, string])[] = [
        ['version', `${version}, ${shortHash(sha256)} (${thousands(bytes)} bytes${signer})`],
        ['since', `${formatTime(loadedAt)}, from ${origin} (${module.source})`],
        ...(figures.loadSeconds === null
          ? []
          : ([['loaded in', `${figures.loadSeconds.toFixed(2)} s`]] as const)),
        ...(figures.readySeconds === null
          ? []
          : ([['ready in', `${(figures.readySeconds * 1_000).toFixed(1)} ms a worker`]] as const)),
        ['routes', `${thousands(module.routes)}, fails ${module.failure}`],
        ['calls', countsText(figures.calls)],
        ['verdicts', countsText(figures.verdicts)],
        ['failures', countsText(figures.failures)],
        ['host calls', countsText(figures.hostCalls)],
        ['time', spreadText(figures.seconds, 1e6, 'µs')],
        ['instructions', spreadText(figures.instructions, 1, '')],
        ['memory', figures.memoryBytes === null ? '-' : `${thousands(figures.memoryBytes)} bytes`],
        ...(lastError === null ? [] : ([['last error', printable(lastError)]] as const)),
      ];
      const title: Cell = { text: state, style: state === 'live' ? 'green' : 'red' };
      return context.print.columns([
        [name, title],
        ...rows.map(([what, text]): readonly Cell[] => [{ text: what, style: 'dim' }, text]),
      ]);
    });
    return exitCodes.ok;
  },
};

async function figuresOf(context: CommandContext, name: string, sha256: string): Promise<Figures> {
  const text = await readDaemonText(context, '/metrics');
  const version = sha256.slice(0, versionLabelLength);
  const samples = readMetricLines(text, 'weir_module_').filter(
    ({ labels }) =>
      labels['module'] === name &&
      (labels['version'] === undefined || labels['version'] === version),
  );
  const counts = (family: string, label: string): Counts =>
    Object.fromEntries(
      samples
        .filter((sample) => sample.name === family && sample.value > 0)
        .map(({ labels, value }) => [labels[label] ?? '', value]),
    );
  return {
    calls: counts('weir_module_calls_total', 'phase'),
    verdicts: counts('weir_module_verdicts_total', 'verdict'),
    failures: counts('weir_module_failures_total', 'kind'),
    hostCalls: counts('weir_module_host_calls_total', 'call'),
    seconds: histogramFigures(samples, 'weir_module_duration_seconds'),
    instructions: histogramFigures(samples, 'weir_module_fuel'),
    memoryBytes: gaugeOf(samples, 'weir_module_memory_bytes'),
    loadSeconds: gaugeOf(samples, 'weir_module_load_seconds'),
    readySeconds: histogramFigures(samples, 'weir_module_ready_seconds')?.mean ?? null,
  };
}

const gaugeOf = (samples: readonly MetricSample[], name: string): number | null =>
  samples.find((sample) => sample.name === name)?.value ?? null;

function countsText(counts: Counts): string {
  const parts = Object.entries(counts).map(([what, count]) => `${what} ${thousands(count)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function spreadText(figures: HistogramFigures | null, factor: number, unit: string): string {
  if (figures === null) return '-';
  const text = (value: number): string => {
    const scaled = value * factor;
    return `${scaled < 100 ? String(Math.round(scaled * 100) / 100) : thousands(Math.round(scaled))} ${unit}`.trim();
  };
  const { mean, below99 } = figures;
  return `${text(mean)} a call${below99 === null ? '' : `, 99 of 100 at most ${text(below99)}`}`;
}

function unknownModule(name: string, modules: readonly { readonly name: string }[]): Error {
  const names = modules.map((one) => one.name);
  return failureError(`there is no module ${name}`, [
    names.length === 0
      ? 'no modules are configured; name them under waf.rules'
      : `there are ${names.join(', ')}`,
  ]);
}
