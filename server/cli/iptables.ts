// `isthmus iptables`: redirects a pod's traffic to its proxy, with the arguments of `istio-iptables`, so that it can stand in the
// same init container. `--clean` takes everything back, `--dry-run` prints what would be done.

import { Command, Option } from 'commander';
import { applyInterception, removeInterception } from '../../agent/iptables/apply-rules.ts';
import { defaultArguments, parseInterception } from '../../agent/iptables/interception.ts';
import { installRules } from '../../agent/iptables/rules.ts';
import { withExitCode } from './agent-exit.ts';

type IptablesOptions = {
  readonly envoyPort: string;
  readonly inboundCapturePort: string;
  readonly proxyUid: string;
  readonly proxyGid?: string;
  readonly istioInboundInterceptionMode: string;
  readonly istioServiceCidr: string;
  readonly istioServiceExcludeCidr: string;
  readonly istioInboundPorts: string;
  readonly istioLocalExcludePorts: string;
  readonly istioLocalOutboundPortsExclude: string;
  readonly istioOutboundPorts: string;
  readonly clean?: boolean;
  readonly dryRun?: boolean;
};

export function iptablesCommand(): Command {
  const standard = defaultArguments;
  return new Command('iptables')
    .description('Redirect the traffic of this network namespace to the proxy in it (needs root).')
    .addOption(option('-p, --envoy-port <port>', 'where the proxy takes outbound connections', standard.p))
    .addOption(option('-z, --inbound-capture-port <port>', 'where the proxy takes inbound connections', standard.z))
    .addOption(option('-u, --proxy-uid <ids>', 'users whose traffic is left alone: the proxy itself', standard.u))
    .addOption(option('-g, --proxy-gid <ids>', 'groups whose traffic is left alone (default: as -u)'))
    .addOption(option('-m, --istio-inbound-interception-mode <mode>', 'only REDIRECT', standard.m))
    .addOption(option('-i, --istio-service-cidr <ranges>', "outbound ranges to redirect, '*' for all", standard.i))
    .addOption(option('-x, --istio-service-exclude-cidr <ranges>', 'outbound ranges to leave alone', standard.x))
    .addOption(option('-b, --istio-inbound-ports <ports>', "inbound ports to redirect, '*' for all", standard.b))
    .addOption(option('-d, --istio-local-exclude-ports <ports>', 'inbound ports to leave alone', standard.d))
    .addOption(option('-o, --istio-local-outbound-ports-exclude <ports>', 'outbound ports to leave alone', standard.o))
    .addOption(option('-q, --istio-outbound-ports <ports>', 'outbound ports to redirect at any address', standard.q))
    .option('--clean', 'remove the rules instead')
    .option('-n, --dry-run', 'print the rules, change nothing')
    .action((options: IptablesOptions) =>
      withExitCode(
        () => runIptables(options),
        (error) => process.stderr.write(`isthmus iptables: ${error.message}\n`),
      ),
    );
}

async function runIptables(options: IptablesOptions): Promise<void> {
  if (options.clean === true) {
    await removeInterception();
    return;
  }
  const interception = parseInterception({
    p: options.envoyPort,
    z: options.inboundCapturePort,
    u: options.proxyUid,
    g: options.proxyGid,
    m: options.istioInboundInterceptionMode,
    i: options.istioServiceCidr,
    x: options.istioServiceExcludeCidr,
    b: options.istioInboundPorts,
    d: options.istioLocalExcludePorts,
    o: options.istioLocalOutboundPortsExclude,
    q: options.istioOutboundPorts,
  });
  if (options.dryRun === true) {
    process.stdout.write(installRules(interception, 'ipv4') + installRules(interception, 'ipv6'));
    return;
  }
  await applyInterception(interception);
}

function option(flags: string, description: string, value?: string): Option {
  const name = flags.replace(/^.*--([a-z-]+).*$/, '$1');
  const made = new Option(flags, description).env(`ISTHMUS_IPTABLES_${name.toUpperCase().replaceAll('-', '_')}`);
  return value === undefined ? made : made.default(value);
}
