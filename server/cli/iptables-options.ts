// The options of `isthmus iptables`: those of `istio-iptables`, with its environment variables beside our own. An argument beats
// ISTHMUS_IPTABLES_…, which beats Istio's variable, which beats the default.

import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { AgentError } from '../../agent/agent-error.ts';
import { defaultArguments } from '../../agent/iptables/parse-interception.ts';
import type { InterceptionArguments } from '../../agent/iptables/parse-interception.ts';

export type IptablesOptions = InterceptionArguments & {
  readonly forceIptablesBinary: string;
  readonly forceLegacyIptables: boolean;
  readonly dualStack: boolean;
  readonly dryRun: boolean;
  readonly clean: boolean;
  readonly cleanup: boolean;
  readonly cleanupOnly: boolean;
  readonly skipRuleApply: boolean;
  readonly runValidation: boolean;
  readonly iptablesProbePort: string;
  readonly probeTimeout: string;
  readonly networkNamespace: string;
  readonly nativeNftables: boolean;
};

type Described = { readonly flags: string; readonly text: string; readonly istio?: readonly string[] };
type DescribedValue = Described & { readonly standard: string };

const values: readonly DescribedValue[] = [
  value('-p, --envoy-port <port>', 'where the proxy takes outbound connections', 'envoyPort'),
  value('-z, --inbound-capture-port <port>', 'where the proxy takes inbound connections', 'inboundCapturePort'),
  value('-e, --inbound-tunnel-port <port>', 'where the proxy takes HBONE by itself', 'inboundTunnelPort'),
  value('-u, --proxy-uid <ids>', 'users whose traffic is left alone: the proxy itself', 'proxyUid'),
  value('-g, --proxy-gid <ids>', 'groups whose traffic is left alone (default: as -u)', 'proxyGid'),
  value('-m, --istio-inbound-interception-mode <mode>', 'REDIRECT or TPROXY', 'istioInboundInterceptionMode', [
    'ISTIO_INBOUND_INTERCEPTION_MODE',
    'INBOUND_INTERCEPTION_MODE',
  ]),
  value('-b, --istio-inbound-ports <ports>', "inbound ports to redirect, '*' for all", 'istioInboundPorts'),
  value('-d, --istio-local-exclude-ports <ports>', 'inbound ports to leave alone', 'istioLocalExcludePorts'),
  value('-i, --istio-service-cidr <ranges>', "outbound ranges to redirect, '*' for all", 'istioServiceCidr'),
  value('-x, --istio-service-exclude-cidr <ranges>', 'outbound ranges to leave alone', 'istioServiceExcludeCidr'),
  value('-q, --istio-outbound-ports <ports>', 'outbound ports to redirect at any address', 'istioOutboundPorts'),
  value(
    '-o, --istio-local-outbound-ports-exclude <ports>',
    'outbound ports to leave alone',
    'istioLocalOutboundPortsExclude',
  ),
  value('-c, --istio-exclude-interfaces <devices>', 'devices whose traffic is left alone', 'istioExcludeInterfaces'),
  value(
    '-k, --kube-virt-interfaces <devices>',
    'devices of virtual machines, whose traffic is outbound',
    'kubeVirtInterfaces',
  ),
  value('-t, --istio-inbound-tproxy-mark <mark>', 'TPROXY: the mark of packets', 'istioInboundTproxyMark', [
    'ISTIO_INBOUND_TPROXY_MARK',
    'INBOUND_TPROXY_MARK',
  ]),
  value(
    '-r, --istio-inbound-tproxy-route-table <table>',
    'TPROXY: the table of their route',
    'istioInboundTproxyRouteTable',
  ),
  value('--owner-groups <groups>', "groups whose outbound traffic is redirected, '*' for all", 'ownerGroups', [
    'ISTIO_OUTBOUND_OWNER_GROUPS',
  ]),
  value('--owner-groups-exclude <groups>', 'groups whose outbound traffic is left alone', 'ownerGroupsExclude', [
    'ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE',
  ]),
  value('--loopback-cidr <range>', 'addresses that mean the pod itself', 'loopbackCidr', [
    'ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR',
  ]),
  { flags: '--force-iptables-binary <kind>', text: 'nft or legacy (default: what is in use here)', standard: '' },
  { flags: '--iptables-probe-port <port>', text: 'the port that --run-validation calls', standard: '15002' },
  { flags: '--probe-timeout <duration>', text: 'how long --run-validation waits', standard: '5s' },
];

const switches: readonly Described[] = [
  { flags: '--redirect-dns', text: 'DNS to the agent (15053)', istio: ['REDIRECT_DNS', 'ISTIO_META_DNS_CAPTURE'] },
  { flags: '--capture-all-dns', text: 'with it: whatever the server, not those of /etc/resolv.conf alone' },
  { flags: '--drop-invalid', text: 'drop packets that fit no connection', istio: ['DROP_INVALID', 'INVALID_DROP'] },
  {
    flags: '--dual-stack',
    text: 'fail where IPv6 is missing',
    istio: ['DUAL_STACK', 'ISTIO_DUAL_STACK', 'ISTIO_AGENT_DUAL_STACK'],
  },
  { flags: '-n, --dry-run', text: 'print the rules, change nothing' },
  { flags: '--clean', text: 'remove the rules instead' },
  { flags: '--skip-rule-apply', text: 'change nothing' },
  { flags: '--run-validation', text: 'test with a connection that redirection works' },
];

// Accepted because the templates and scripts of Istio pass them.
const hiddenSwitches: readonly string[] = [
  '--cleanup',
  '--cleanup-only',
  '--force-legacy-iptables',
  '--native-nftables',
  '-f, --restore-format',
  '--reconcile',
  '--force-apply',
  '--cni-mode',
  '--iptables-trace-logging',
  '--log_as_json',
];
const hiddenValues: readonly string[] = ['--network-namespace <path>', '--log_output_level <levels>'];

export function iptablesOptions(): readonly Option[] {
  return [
    ...values.map(({ flags, text, standard }) => {
      const option = new Option(flags, text)
        .env(ownVariable(flags))
        .default(standard, standard === '' ? 'none' : standard);
      return option;
    }),
    ...switches.map(({ flags, text }) => switchOption(flags, text)),
    ...hiddenSwitches.map((flags) => switchOption(flags, '').hideHelp()),
    ...hiddenValues.map((flags) => new Option(flags).env(ownVariable(flags)).default('').hideHelp()),
  ];
}

/** Takes Istio's variables for what neither an argument nor a variable of ours has set. Throws AgentError `invalid-options`. */
export function takeIstioVariables(command: Command, environment: NodeJS.ProcessEnv): void {
  for (const { flags, istio } of [...values, ...switches]) {
    const name = longName(flags);
    const key = name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (command.getOptionValueSource(key) !== 'default') continue;
    const variable = (istio ?? [variableOf(name)]).find((candidate) => environment[candidate] !== undefined);
    if (variable === undefined) continue;
    const text = environment[variable] ?? '';
    const isSwitch = switches.some((one) => one.flags === flags);
    if (isSwitch && text === '') continue;
    const taken = isSwitch ? truth(text) : text;
    if (taken === undefined) {
      throw new AgentError('invalid-options', `${variable}: "${text}" is neither true nor false`);
    }
    command.setOptionValueWithSource(key, taken, 'env');
  }
}

function value(
  flags: string,
  text: string,
  key: Exclude<keyof InterceptionArguments, 'redirectDns' | 'captureAllDns' | 'dropInvalid'>,
  istio?: readonly string[],
): DescribedValue {
  return { flags, text, standard: defaultArguments[key], ...(istio === undefined ? {} : { istio }) };
}

/** As programs in Go have them: `--flag`, `--flag=true`, `--flag=false`. */
function switchOption(flags: string, text: string): Option {
  const option = new Option(`${flags} [true|false]`, text)
    .env(ownVariable(flags))
    .default(false, 'false')
    .preset('true');
  return option.argParser((given: string) => {
    const parsed = truth(given);
    if (parsed === undefined) throw new InvalidArgumentError('Give true or false.');
    return parsed;
  });
}

// With `-f=false` the equals sign is a part of the value.
function truth(text: string): boolean | undefined {
  if (/^=?(true|1|t)$/i.test(text)) return true;
  return /^=?(false|0|f)$/i.test(text) ? false : undefined;
}

function ownVariable(flags: string): string {
  return `ISTHMUS_IPTABLES_${variableOf(longName(flags))}`;
}

function longName(flags: string): string {
  return /--([a-z_-]+)/.exec(flags)?.[1] ?? '';
}

function variableOf(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
