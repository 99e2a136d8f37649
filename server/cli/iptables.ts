// `isthmus iptables`: redirects a pod's traffic to its proxy, with the arguments of `istio-iptables`, so that it can stand in the
// same init container. `--clean` takes everything back, `--dry-run` prints what would be done.

import { Command } from 'commander';
import { AgentError } from '../../agent/agent-error.ts';
import { parseDurationMs } from '../../agent/duration.ts';
import type { Family } from '../../agent/iptables/address-range.ts';
import { applyInterception, removeInterception } from '../../agent/iptables/apply-rules.ts';
import type { Applied, ApplyOptions } from '../../agent/iptables/apply-rules.ts';
import { describeRules } from '../../agent/iptables/describe-rules.ts';
import type { Interception } from '../../agent/iptables/interception.ts';
import type { FilterKind } from '../../agent/iptables/packet-filter.ts';
import { parseInterception } from '../../agent/iptables/parse-interception.ts';
import { readSurroundings } from '../../agent/iptables/surroundings.ts';
import { validateInterception } from '../../agent/iptables/validate.ts';
import type { ValidateOptions } from '../../agent/iptables/validate.ts';
import { withExitCode } from './agent-exit.ts';
import { iptablesOptions, takeIstioVariables } from './iptables-options.ts';
import type { IptablesOptions } from './iptables-options.ts';

const afterHelp = `
Every option is also an environment variable: ISTHMUS_IPTABLES_ENVOY_PORT and so on, or Istio's (ENVOY_PORT, ISTIO_SERVICE_CIDR …).

Exit codes: 0 the rules are in place (or gone); 2 an argument is wrong; 7 the kernel refused the rules; 8 iptables or ip is missing;
9 not permitted; 126 --run-validation: a test connection was not redirected. After a failure everything is as it was before.`;

const changes: Readonly<Record<Applied['change'], string>> = {
  installed: 'rules installed',
  unchanged: 'the rules are in place already, nothing to change',
  replaced: 'other rules of ours were here and have been replaced',
};
const familyNames: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

export function iptablesCommand(): Command {
  const command = new Command('iptables').description(
    'Redirect the traffic of this network namespace to the proxy in it (needs root).',
  );
  for (const option of iptablesOptions()) command.addOption(option);
  return command.addHelpText('after', afterHelp).action((_: unknown, given: Command) =>
    withExitCode(
      async () => {
        takeIstioVariables(given, process.env);
        await runIptables(given.opts<IptablesOptions>());
      },
      (error) => tell(error.message),
    ),
  );
}

async function runIptables(options: IptablesOptions): Promise<void> {
  refuseUnsupported(options);
  if (options.clean || options.cleanup || options.cleanupOnly) {
    tell((await removeInterception()) ? 'rules removed' : 'no rules of ours are here, nothing to remove');
    return;
  }
  const surroundings = await readSurroundings();
  const interception = parseInterception(options, surroundings);
  const kind = filterKind(options);
  if (options.redirectDns && interception.dns === undefined) {
    tell(
      '--redirect-dns: /etc/resolv.conf names no server, DNS is left alone; --capture-all-dns takes it whatever the server',
    );
  }
  if (options.dryRun) {
    process.stdout.write(describeRules(interception));
    return;
  }
  if (!options.skipRuleApply) await apply(interception, { kind, dualStack: options.dualStack });
  if (options.runValidation) {
    await validateInterception({ inboundPort: interception.inboundPort, ...probe(options) });
    tell('a test connection was redirected');
  }
}

async function apply(interception: Interception, options: ApplyOptions): Promise<void> {
  const { change, families, filter, notices } = await applyInterception(interception, options);
  for (const notice of notices) tell(notice);
  tell(`${changes[change]} (${families.map((family) => familyNames[family]).join(', ')}; ${filter})`);
}

function probe({ iptablesProbePort, probeTimeout }: IptablesOptions): Pick<ValidateOptions, 'probePort' | 'timeoutMs'> {
  const probePort = /^\d{1,5}$/.test(iptablesProbePort) ? Number(iptablesProbePort) : 0;
  if (probePort < 1 || probePort > 65_535) throw invalid(`--iptables-probe-port: "${iptablesProbePort}" is not a port`);
  return { probePort, timeoutMs: parseDurationMs('--probe-timeout', probeTimeout) };
}

function refuseUnsupported({ networkNamespace, nativeNftables }: IptablesOptions): void {
  if (networkNamespace !== '') {
    throw invalid('--network-namespace: rules go to the namespace of this process: start it with "nsenter --net=FILE"');
  }
  if (nativeNftables) {
    throw invalid('--native-nftables: rules are written with iptables: use --force-iptables-binary nft');
  }
}

function filterKind({ forceIptablesBinary: kind, forceLegacyIptables }: IptablesOptions): FilterKind | undefined {
  if (kind === '') return forceLegacyIptables ? 'legacy' : undefined;
  if (kind !== 'nft' && kind !== 'legacy')
    throw invalid(`--force-iptables-binary: "${kind}" is neither nft nor legacy`);
  return kind;
}

function invalid(message: string): AgentError {
  return new AgentError('invalid-options', message);
}

function tell(message: string): void {
  process.stderr.write(`isthmus iptables: ${message}\n`);
}
