/** Every command of `weir`, in the groups and the order help shows them. Adding one is a file and a line here. */
import type { Command, CommandGroup } from '#cli/command.ts';
import { blockAdd } from '#cli/commands/block-add.ts';
import { blockImport } from '#cli/commands/block-import.ts';
import { blockList } from '#cli/commands/block-list.ts';
import { blockRemove } from '#cli/commands/block-remove.ts';
import { certList } from '#cli/commands/cert-list.ts';
import { certMake } from '#cli/commands/cert-make.ts';
import { certRenew } from '#cli/commands/cert-renew.ts';
import { check } from '#cli/commands/check.ts';
import { configSchemaCommand } from '#cli/commands/config-schema.ts';
import { configShow } from '#cli/commands/config-show.ts';
import { demo } from '#cli/commands/demo.ts';
import { drain } from '#cli/commands/drain.ts';
import { edge } from '#cli/commands/edge.ts';
import { eventsShow } from '#cli/commands/events-show.ts';
import { eventsStats } from '#cli/commands/events-stats.ts';
import { eventsTail } from '#cli/commands/events-tail.ts';
import { exclude } from '#cli/commands/exclude.ts';
import { excludeList } from '#cli/commands/exclude-list.ts';
import { excludeRemove } from '#cli/commands/exclude-remove.ts';
import { feedList, feedRefresh, feedShow } from '#cli/commands/feed.ts';
import {
  fleetBlockAdd,
  fleetBlockImport,
  fleetBlockList,
  fleetBlockRemove,
} from '#cli/commands/fleet-block.ts';
import { fleetDemo } from '#cli/commands/fleet-demo.ts';
import { fleetInit } from '#cli/commands/fleet-init.ts';
import { fleetAdd, fleetRemove, fleetUpdate } from '#cli/commands/fleet-members.ts';
import { fleetPublish } from '#cli/commands/fleet-publish.ts';
import { fleetPolicy, fleetRules } from '#cli/commands/fleet-rules.ts';
import { ftwRun } from '#cli/commands/ftw-run.ts';
import { inspect } from '#cli/commands/inspect.ts';
import { moduleBench } from '#cli/commands/module-bench.ts';
import { moduleBuild } from '#cli/commands/module-build.ts';
import { moduleHistory } from '#cli/commands/module-history.ts';
import { moduleKeygen } from '#cli/commands/module-keygen.ts';
import { moduleList } from '#cli/commands/module-list.ts';
import { moduleLoad } from '#cli/commands/module-load.ts';
import { moduleNew } from '#cli/commands/module-new.ts';
import { moduleRemove } from '#cli/commands/module-remove.ts';
import { moduleRollback } from '#cli/commands/module-rollback.ts';
import { moduleShow } from '#cli/commands/module-show.ts';
import { moduleSign } from '#cli/commands/module-sign.ts';
import { moduleTest } from '#cli/commands/module-test.ts';
import { nodeDrain, nodeList, nodeShow, nodeTerminate } from '#cli/commands/node.ts';
import { orchestrator } from '#cli/commands/orchestrator.ts';
import { auditList, auditVerify } from '#cli/commands/orchestrator-audit.ts';
import { tokenAdd, tokenList, tokenRemove } from '#cli/commands/orchestrator-token.ts';
import {
  recordList,
  recordRemove,
  recordStart,
  recordStatus,
  recordStop,
} from '#cli/commands/record.ts';
import { reload } from '#cli/commands/reload.ts';
import { replay } from '#cli/commands/replay.ts';
import {
  rolloutAbort,
  rolloutList,
  rolloutPause,
  rolloutResume,
  rolloutRollback,
  rolloutShow,
} from '#cli/commands/rollout.ts';
import { rolloutStart, rolloutUpload } from '#cli/commands/rollout-start.ts';
import { ruleAdd } from '#cli/commands/rule-add.ts';
import { ruleClear } from '#cli/commands/rule-clear.ts';
import { ruleDelete } from '#cli/commands/rule-delete.ts';
import { ruleList } from '#cli/commands/rule-list.ts';
import { rulesBench } from '#cli/commands/rules-bench.ts';
import { rulesBuild } from '#cli/commands/rules-build.ts';
import { rulesCheck } from '#cli/commands/rules-check.ts';
import { rulesExplain } from '#cli/commands/rules-explain.ts';
import { rulesFetch } from '#cli/commands/rules-fetch.ts';
import { shadowStart, shadowStatus, shadowStop } from '#cli/commands/shadow.ts';
import { shieldCheck } from '#cli/commands/shield-check.ts';
import { shieldStatusCommand } from '#cli/commands/shield-status.ts';
import { shieldSwap } from '#cli/commands/shield-swap.ts';
import { shieldTop } from '#cli/commands/shield-top.ts';
import { status } from '#cli/commands/status.ts';
import { stop } from '#cli/commands/stop.ts';
import { upgrade } from '#cli/commands/upgrade.ts';

export const commandGroups: readonly CommandGroup[] = [
  { title: 'Run a node', commands: [demo, edge] },
  {
    title: 'Prepare a configuration',
    commands: [check, configShow, configSchemaCommand, certMake],
  },
  { title: 'A running node', commands: [status, reload, upgrade, drain, stop] },
  {
    title: 'What its rules decided',
    commands: [eventsTail, eventsShow, eventsStats, exclude, excludeList, excludeRemove],
  },
  { title: 'Its block list', commands: [blockAdd, blockImport, blockList, blockRemove] },
  { title: 'The lists it follows', commands: [feedList, feedShow, feedRefresh] },
  {
    title: 'Its kernel shield',
    commands: [shieldStatusCommand, shieldTop, shieldCheck, shieldSwap],
  },
  { title: 'Its packet rules', commands: [ruleAdd, ruleList, ruleDelete, ruleClear] },
  {
    title: 'Its rule modules',
    commands: [moduleLoad, moduleList, moduleShow, moduleHistory, moduleRollback, moduleRemove],
  },
  {
    title: 'Try rules on its traffic',
    commands: [
      ...[recordStart, recordStop, recordStatus, recordList, recordRemove, replay],
      ...[shadowStart, shadowStatus, shadowStop],
    ],
  },
  {
    title: 'Write a rule module',
    commands: [moduleNew, moduleBuild, moduleTest, moduleBench, moduleKeygen, moduleSign],
  },
  {
    title: 'SecLang rules, such as the Core Rule Set',
    commands: [rulesCheck, rulesBuild, rulesExplain, rulesBench, rulesFetch, inspect, ftwRun],
  },
  { title: 'Its certificates by ACME', commands: [certList, certRenew] },
  {
    title: 'A fleet of nodes, through its control plane',
    commands: [
      ...[fleetDemo, fleetInit, fleetAdd, fleetRemove, fleetUpdate, fleetPublish],
      ...[nodeList, nodeShow, nodeDrain, nodeTerminate],
      ...[fleetBlockAdd, fleetBlockImport, fleetBlockList, fleetBlockRemove],
    ],
  },
  {
    title: 'Its rules, in stages',
    commands: [
      ...[rolloutStart, rolloutUpload, rolloutList, rolloutShow, rolloutPause, rolloutResume],
      ...[rolloutAbort, rolloutRollback, fleetRules, fleetPolicy],
    ],
  },
  {
    title: 'The control plane of a fleet',
    commands: [orchestrator, tokenAdd, tokenList, tokenRemove, auditList, auditVerify],
  },
];

export const commands: readonly Command[] = commandGroups.flatMap((group) => group.commands);
