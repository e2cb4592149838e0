import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CliIo, CliRoles } from '#cli/command.ts';
import { commandName } from '#cli/command.ts';
import { commands } from '#cli/commands.ts';
import { argumentsMax } from '#cli/parse-arguments.ts';
import { printable } from '#cli/printer.ts';
import { runCli } from '#cli/run.ts';

type Options = {
  readonly tty?: boolean;
  readonly env?: Record<string, string>;
  readonly embeddedConfig?: string;
};

async function run(argv: readonly string[], options: Options = {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const asked: unknown[] = [];
  const io: CliIo = {
    stdout: { isTTY: options.tty ?? false, write: (text) => stdout.push(text) },
    stderr: { isTTY: false, write: (text) => stderr.push(text) },
    env: options.env ?? {},
    cwd: '/',
  };
  const roles: CliRoles = {
    edge: async (given) => asked.push(['edge', given]) - 1,
    demo: async (given) => asked.push(['demo', given]) - 1,
    orchestrator: async (given) => asked.push(['orchestrator', given]) - 1,
    fleetDemo: async ({ dir, everySeconds, rounds }) =>
      asked.push(['fleet demo', { dir, everySeconds, rounds }]) - 1,
    ...(options.embeddedConfig === undefined ? {} : { embeddedConfig: options.embeddedConfig }),
  };
  const exit = await runCli(argv, io, roles);
  return { exit, stdout: stdout.join(''), stderr: stderr.join(''), asked };
}

const helpText = `Weir: a TLS-terminating reverse proxy and web application firewall with rules in WebAssembly.

Usage  weir COMMAND [OPTIONS]

Run a node
  demo                            run a demo shop behind an edge on https://127.0.0.1:8443
  edge                            run a node with a configuration

Prepare a configuration
  check                           say everything that is wrong with a configuration
  config show                     print the values a configuration comes to, and where each is from
  config schema                   print the JSON Schema of the configuration
  cert make                       make a self-signed certificate for trying things out

A running node
  status                          show how a running node is doing
  reload                          read the configuration file anew, without dropping a request
  upgrade                         let the program on disk take its place, over the same sockets
  drain                           end a node after what is in flight is finished
  stop                            end a node soon, cutting what takes too long

What its rules decided
  events tail                     show the newest events, and those that come
  events show ID                  show one event: what happened, why, and how to mend it if that was wrong
  events stats                    count the events that are kept, by rule, route, address or kind
  exclude EVENT                   take what an event was about out of what rules look at, as narrowly as can be
  exclude list                    list the exclusions made from events
  exclude remove ID               take an exclusion back by its id

Its block list
  block add ADDR|CIDR             block an address or a CIDR range
  block import FILE|-             block what a file lists
  block list                      list what is blocked
  block remove ADDR|CIDR          unblock an address or a CIDR range

The lists it follows
  feed list                       list the lists of addresses the node follows
  feed show NAME                  show all that is known of one feed
  feed refresh NAME               look at a feed now

Its kernel shield
  shield status                   show where packets are met and what became of them
  shield top                      show who sends most and what becomes of packets, live
  shield check                    say what this host can do for the kernel shield and what is missing
  shield swap                     let the packet program on disk take the place of the loaded one; as root

Its packet rules
  rule add                        pass, drop or inspect packets by address, port and protocol
  rule list                       list the rules in their order, with what they have met
  rule delete ID                  delete a rule by its id
  rule clear                      delete all rules

Its rule modules
  module load NAME FILE           replace a rule module of a running node, or of a whole fleet
  module list                     list the rule modules of a running node
  module show NAME                show a rule module of a running node, with what it costs and how it fails
  module history NAME             list the versions of a rule module, the refused ones too
  module rollback NAME            go back to the version before, or to one of the history
  module remove NAME              forget a version that is not live

Try rules on its traffic
  record start                    keep a masked sample of the traffic, to try rules on
  record stop                     end the recording that is under way
  record status                   what the recording that is under way, or the newest, holds
  record list                     the recordings of the node, the newest first
  record remove RECORDING         take a recording off the disk
  replay RECORDING                try rules on recorded traffic: what they would do otherwise
  shadow start NAME FILE          run a candidate beside a rule module, without a say
  shadow status                   what the candidates would have done otherwise
  shadow stop NAME                end a candidate, with what it has found

Write a rule module
  module new NAME                 make a folder for a new rule module, with cases
  module build DIR                compile a rule module from its folder
  module test DIR|FILE.wasm       run the cases of a rule module
  module bench DIR|FILE.wasm      measure what a request costs in a rule module
  module keygen                   make a key to sign rule modules with
  module sign FILE                sign a rule module for the nodes that ask for it

SecLang rules, such as the Core Rule Set
  rules check [FILE|DIR…]         say what is wrong with SecLang rules, and what becomes of each
  rules build FILE|DIR…           compile SecLang rules to a module
  rules explain RULE FILE|DIR…    show what a SecLang rule becomes: targets, automata, changes
  rules bench FILE|DIR…           measure what requests cost in a SecLang rule set
  rules fetch VERSION             download a release of the Core Rule Set and check its digest
  inspect                         run one request through live rules, or SecLang files, and show every match
  ftw run                         run the regression tests of a rule set against a WAF

Its certificates by ACME
  cert list                       list the certificates the node obtains by itself
  cert renew NAME                 renew a certificate of a running node now

A fleet of nodes, through its control plane
  fleet demo                      run a whole fleet on this machine and time blocks that go round it
  fleet init                      make the keys and files of a new fleet
  fleet add NAME                  make the keys and files of one more member of a fleet
  fleet remove NAME               take a member out of a fleet, in peace or because its keys were stolen
  fleet update                    bring the folder of a fleet up to date: permissions, roster, what was cut short
  fleet publish                   tell the members of a fleet who its members are, through an orchestrator
  node list                       list the nodes of the fleet and how they are
  node show NODE                  show all that is known of a node
  node drain NODE                 end a node after what is in flight is finished
  node terminate NODE             end a node soon, cutting what takes too long
  fleet block add ADDR|CIDR       block an address or a CIDR range on every node
  fleet block import FILE|-       block what a file lists on every node
  fleet block list                list what the fleet blocks
  fleet block remove ADDR|CIDR    take a block of the fleet away from every node

Its rules, in stages
  rollout start NAME              roll a rule module or a policy out over the fleet
  rollout upload NAME FILE        send a rule module to the orchestrator, for a policy to bring along
  rollout list                    list what was rolled out over the fleet, the newest first
  rollout show ID                 show what a rollout did, on which node, and why it stopped
  rollout pause ID                let no further node have it; who has it keeps it, and is looked after
  rollout resume ID               go on with a rollout that was paused
  rollout abort ID                end a rollout, and take it back where it is
  rollout rollback ID             take a rollout back on every node, also one that is done
  fleet rules                     list the modules and policies the fleet is to run, and where they run
  fleet policy NAME               print a policy of the fleet as it is in force

The control plane of a fleet
  orchestrator                    run the control plane with a configuration
  orchestrator token add NAME     make a token for a caller, and show it this once
  orchestrator token list         list who may call the orchestrator
  orchestrator token remove NAME  take a token away, from the next call on
  orchestrator audit list         list who changed what, newest first
  orchestrator audit verify       check that no entry of the audit log was changed, removed or put in

"weir COMMAND --help" says more about one of them; --version gives the version.
Exit codes: 0 ok, 1 failure, 2 usage, 3 cannot reach the node, 4 refused.
`;

describe('help', () => {
  for (const argv of [[], ['help'], ['--help'], ['-h']]) {
    it(`"weir ${argv.join(' ')}" lists every command`, async () => {
      assert.deepEqual(await run(argv), { exit: 0, stdout: helpText, stderr: '', asked: [] });
    });
  }

  for (const command of commands) {
    it(`"weir ${commandName(command)} --help" names its options and does nothing else`, async () => {
      const asked = await run([...command.words, '--help']);
      assert.deepEqual([asked.exit, asked.stderr, asked.asked], [0, '', []]);
      for (const option of command.options)
        assert.match(asked.stdout, new RegExp(`--${option.name}\\b`));
      for (const example of command.examples)
        assert.ok(example.includes(`weir ${commandName(command)}`), example);
      assert.deepEqual(await run(['help', ...command.words]), asked);
      assert.deepEqual(await run([...command.words, '-h']), asked);
    });
  }

  it('"weir block --help" lists what begins so', async () => {
    const { exit, stdout } = await run(['block', '--help']);
    assert.equal(exit, 0);
    assert.deepEqual(stdout.match(/^ {2}block \w+/gm), [
      '  block add',
      '  block import',
      '  block list',
      '  block remove',
    ]);
  });

  it('is coloured on a terminal alone, and not with NO_COLOR or a dumb one', async () => {
    const cases: readonly [Options, boolean][] = [
      [{ tty: true }, true],
      [{ tty: false }, false],
      [{ tty: true, env: { NO_COLOR: '1' } }, false],
      [{ tty: true, env: { NO_COLOR: '' } }, true],
      [{ tty: true, env: { TERM: 'dumb' } }, false],
    ];
    for (const [options, coloured] of cases) {
      assert.equal(
        (await run([], options)).stdout.includes('\u001b['),
        coloured,
        JSON.stringify(options),
      );
    }
  });

  it('--version gives the version as text and as JSON', async () => {
    assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
    assert.match((await run(['--version', '--json'])).stdout, /"version": "\d+/);
  });
});

const usageCases = [
  { argv: ['statsu'], says: /did you mean "status"\?/ },
  { argv: ['blok', 'add', '::1'], says: /did you mean "block add"\?/ },
  { argv: ['block', 'ad', '::1'], says: /did you mean "block add"\?/ },
  { argv: ['entirely-different'], says: /there is no command "entirely-different"/ },
  { argv: ['help', 'statsu'], says: /did you mean "status"\?/ },
  { argv: ['block'], says: /needs one more word: add, import, list, remove/ },
  { argv: ['--json', 'status'], says: /options come after the command/, json: true },
  { argv: ['--verbose'], says: /no option --verbose/ },
  { argv: ['status', '--jsno'], says: /has no option --jsno; did you mean --json\?/ },
  { argv: ['status', '-x'], says: /has no option -x/ },
  { argv: ['status', 'extra'], says: /"extra" is one argument too many/ },
  { argv: ['status', '--json=yes'], says: /--json takes no value/, json: false },
  { argv: ['status', '--state'], says: /--state needs a value: --state DIR/ },
  { argv: ['status', '--state='], says: /--state needs a value/ },
  { argv: ['status', '--state', 'a', '--state', 'b'], says: /--state is given twice/ },
  { argv: ['edge'], says: /--config FILE is missing/ },
  { argv: ['check'], says: /--config FILE is missing/ },
  { argv: ['config', 'show'], says: /--config FILE is missing/ },
  { argv: ['block', 'add'], says: /ADDR\|CIDR is missing/ },
  { argv: ['block', 'add', '1.2.3'], says: /"1\.2\.3" is no address/ },
  { argv: ['block', 'add', '::1/129'], says: /is no address/ },
  { argv: ['block', 'remove', 'example.org'], says: /is no address/ },
  { argv: ['block', 'add', '::1', '--ttl', '1y'], says: /no span of time/ },
  { argv: ['block', 'add', '::1', '--ttl', '366d'], says: /too long/ },
  { argv: ['block', 'add', '::1', '--ttl', '--reason', 'x'], says: /--ttl needs a value/ },
  { argv: ['stop', '--grace', '2h'], says: /too long: at most 1h/ },
  { argv: ['cert', 'make', '--out', '/nowhere'], says: /--host NAME is missing/ },
  {
    argv: ['status', ...new Array<string>(argumentsMax + 1).fill('x')],
    says: /more than 1000 arguments/,
  },
];

describe('usage errors end with 2 and say what was meant', () => {
  for (const { argv, says, json } of usageCases) {
    it(`weir ${argv.slice(0, 6).join(' ')}`, async () => {
      const { exit, stdout, stderr, asked } = await run(argv);
      assert.deepEqual([exit, asked], [2, []]);
      assert.match(json === true ? stdout : stderr, says);
      if (json !== true) assert.equal(stdout, '');
    });
  }

  it('are JSON on standard output when JSON was asked for', async () => {
    const { exit, stdout, stderr } = await run(['status', 'extra', '--json']);
    assert.deepEqual([exit, stderr], [2, '']);
    assert.deepEqual(JSON.parse(stdout), {
      error: { code: 'USAGE', message: '"extra" is one argument too many', details: [] },
    });
  });
});

describe('roles', () => {
  it('edge gets its file and gives the exit code', async () => {
    const { exit, asked } = await run(['edge', '--config', 'a.yaml']);
    assert.deepEqual([exit, asked], [0, [['edge', { configFile: 'a.yaml' }]]]);
  });

  it('demo gets its options', async () => {
    assert.deepEqual((await run(['demo'])).asked, [['demo', { listen: null, state: null }]]);
    assert.deepEqual((await run(['demo', '--listen', '127.0.0.1:0', '--state', 's'])).asked, [
      ['demo', { listen: '127.0.0.1:0', state: 's' }],
    ]);
  });
});

describe('config', () => {
  const embeddedConfig = `
edge: { listeners: [{ address: "127.0.0.1:8000", plaintext: true }] }
upstreams: { app: { servers: [{ url: "http://127.0.0.1:8081" }] } }
routes: [{ upstream: app }]
`;

  it('schema prints a JSON Schema', async () => {
    const schema: unknown = JSON.parse((await run(['config', 'schema'])).stdout);
    assert.ok(typeof schema === 'object' && schema !== null && 'properties' in schema);
  });

  it('show without a file shows the configuration of the demo, the environment over it', async () => {
    const env = { WEIR_ADMIN_ADDRESS: '127.0.0.1:1' };
    const text = await run(['config', 'show'], { embeddedConfig, env });
    assert.equal(text.exit, 0, text.stderr);
    assert.match(text.stdout, /^ {2}address: 127\.0\.0\.1:1 +# env WEIR_ADMIN_ADDRESS$/m);
    assert.match(text.stdout, /^ {2}workers: auto +# default$/m);
    const json: unknown = JSON.parse(
      (await run(['config', 'show', '--json'], { embeddedConfig, env })).stdout,
    );
    assert.ok(typeof json === 'object' && json !== null && 'values' in json && 'origins' in json);
    assert.partialDeepStrictEqual(json, {
      values: { admin: { address: '127.0.0.1:1' } },
      origins: { 'admin.address': 'env WEIR_ADMIN_ADDRESS' },
    });
  });

  it('show of a wrong configuration fails with every problem', async () => {
    const { exit, stderr } = await run(['config', 'show'], {
      embeddedConfig: 'edge: 1\nroots: 2\n',
    });
    assert.equal(exit, 1);
    assert.match(stderr, /edge/);
    assert.match(stderr, /roots/);
  });
});

it('text from outside loses control and direction characters', () => {
  assert.equal(
    printable('a\u001b[31m\u009b\u202e\n\u007fb é'),
    'a\ufffd[31m\ufffd\ufffd\ufffd\ufffdb é',
  );
});
