/** A node as a whole: modules, processes, state, management. */
import type { Stage } from './stage.ts';

export const nodeStages: readonly Stage[] = [
  {
    name: 'policy when a module fails',
    file: 'src/wasm/failure-stop.ts',
    from: "if (policy === 'open') return null;",
    to: 'return null;',
    tests: 'test/wasm/hostile-guest.test.ts',
  },
  {
    name: 'validation before a load',
    file: 'src/roles/module-admission.ts',
    from: 'await validateModule(source, guestLimits(config), validationMsMax, cases);',
    to: '',
    tests: 'test/e2e/edge.test.ts',
  },
  {
    name: 'replacement of a dead worker',
    file: 'src/roles/supervisor.ts',
    from: 'slot.timer = setTimeout(() => this.#spawn(slot, null), slot.backoffMs);',
    to: '',
    tests: 'test/e2e/upgrade.test.ts',
  },
  {
    name: 'listening sockets outlive a worker',
    file: 'src/roles/supervisor.ts',
    from: 'const sockets = this.#options.sockets?.descriptorsFor(slot.index) ?? null;',
    to: 'const sockets = null;',
    tests: 'test/e2e/upgrade.test.ts',
  },
  {
    name: 'a successor takes over the sockets',
    file: 'src/roles/listening-sockets.ts',
    from: 'const left = [...inherited];',
    to: 'const left = [];',
    tests: 'test/e2e/upgrade.test.ts',
  },
  {
    name: 'a worker that starts has the block list',
    file: 'src/roles/edge.ts',
    from: 'blocks: () => node?.blockItems() ?? takeover?.blocks ?? blockItems(0, store),',
    to: 'blocks: () => ({ version: 0, items: [] }),',
    tests: 'test/e2e/edge.test.ts',
  },
  {
    name: 'rotation of ticket keys',
    file: 'src/roles/ticket-rotation.ts',
    from: '  wait();\n  return',
    to: '  return',
    tests: 'test/e2e/tls.test.ts',
  },
  {
    name: 'an order is kept on disk',
    file: 'src/acme/order-run.ts',
    from: '  await store.writeOrder(record);\n',
    to: '',
    tests: 'test/acme/certificate-manager.test.ts',
  },
  {
    name: 'management token',
    file: 'src/admin/server.ts',
    from: "if (outcome === 'ok') return undefined;",
    to: 'if (outcome) return undefined;',
    tests: 'test/admin/*.test.ts',
  },
  {
    name: 'the service manager hears who the node is',
    file: 'src/roles/edge.ts',
    from: 'notifyServiceManager([`MAINPID=',
    to: '((_: string[]) => null)([`MAINPID=',
    tests: 'test/e2e/service-manager.test.ts',
  },
  {
    name: 'the service manager hears that the node ends',
    file: 'src/roles/edge-node.ts',
    from: "notifyServiceManager(['STOPPING=1']);",
    to: ';',
    tests: 'test/e2e/service-manager.test.ts',
  },
];
