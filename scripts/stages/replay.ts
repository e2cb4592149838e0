/** Stages of recording, replay and shadow. */
import type { Stage } from './stage.ts';

export const replayStages: readonly Stage[] = [
  {
    name: 'copies of requests',
    file: 'src/proxy/captured-exchange.ts',
    from: 'if (capture !== null) return new CapturedExchange(context, client, view, capture);',
    to: '',
    tests: 'test/e2e/replay.test.ts',
  },
  {
    name: 'secrets in recordings',
    file: 'src/replay/sample-thread.ts',
    from: 'encodeRequest(maskRequest(request, filler))',
    to: 'encodeRequest(request)',
    tests: 'test/e2e/replay.test.ts',
  },
  {
    name: 'bounds of a recording',
    file: 'src/roles/node-recorder.ts',
    from: 'if (isFull) {',
    to: 'if (false) {',
    tests: 'test/e2e/replay.test.ts',
  },
  {
    name: 'replay as the gate of a module',
    file: 'src/admin/module-routes.ts',
    from: 'replay === null\n            ? null',
    to: 'replay !== undefined\n            ? null',
    tests: 'test/e2e/replay.test.ts',
  },
  {
    name: 'replay as the gate of a reload',
    file: 'src/admin/routes.ts',
    from: 'const tried = gate === undefined ? null :',
    to: 'const tried = gate === undefined || gate ? null :',
    tests: 'test/e2e/replay.test.ts',
  },
  {
    name: 'what a gate let through: the modules',
    file: 'src/roles/module-plan.ts',
    from: 'checkModulesTried(tried, planned);',
    to: '',
    tests: 'test/roles/tried-change.test.ts',
  },
  {
    name: 'what a gate let through: the configuration',
    file: 'src/roles/snapshot-source.ts',
    from: 'checkConfigTried(tried, loaded.sha256);',
    to: '',
    tests: 'test/roles/tried-change.test.ts',
  },
  {
    name: 'what a gate let through: the generation',
    file: 'src/roles/snapshot-source.ts',
    from: 'checkGeneration(tried, generation);',
    to: '',
    tests: 'test/roles/tried-change.test.ts',
  },
  {
    name: 'rules on bodies of answers are said',
    file: 'src/replay/rule-side.ts',
    from: '.reduce((sum, { bytes }) => sum + rulesOnAnswers(bytes), 0)',
    to: '.reduce((sum) => sum, 0)',
    tests: 'test/replay/rule-side.test.ts',
  },
  {
    name: 'shadow switched off when it fails',
    file: 'src/replay/sample-thread.ts',
    from: "if (which === 'candidate' && isQuarantine && module === name)",
    to: 'if (false)',
    tests: 'test/e2e/replay.test.ts',
  },
];
