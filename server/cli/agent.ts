// `isthmus agent`: beside a stock Envoy. Gets its certificate, serves it over SDS, writes the bootstrap, starts Envoy and looks after it.
// SIGTERM or SIGINT drains and ends with code 0; a second one ends at once.

import { Command, Option } from 'commander';
import pino from 'pino';
import packageJson from '../../package.json' with { type: 'json' };
import { agentConfig } from '../../agent/agent-config.ts';
import type { AgentOptions } from '../../agent/agent-config.ts';
import { runAgent } from '../../agent/run-agent.ts';
import { systemClock } from '../../ca/clock.ts';
import { killedExitCode, withExitCode } from './agent-exit.ts';

const afterHelp = `
Exit codes: 0 stopped on request, after draining; 1 a fault of the agent; 2 an option is wrong; 3 a file can't be read;
4 the socket for secrets can't be opened; 5 Envoy can't be started; ${killedExitCode} stopped by a second signal, without draining.
A certificate authority that refuses or does not answer is asked again for ever.`;

export function agentCommand(): Command {
  const command = new Command('agent').description('Run beside an Envoy: identity, secrets, bootstrap, supervision.');
  for (const option of agentOptions()) command.addOption(option.env(environmentName(option)));
  return command
    .addHelpText('after', afterHelp)
    .action((options: AgentOptions & { readonly logLevel: string }) => start(options));
}

function agentOptions(): readonly Option[] {
  return [
    new Option('--discovery-address <host:port>', 'the control plane (required)').makeOptionMandatory(),
    new Option('--ca-address <host:port>', 'the certificate authority (default: the control plane)'),
    new Option(
      '--server-name <name>',
      'the name in their certificates (default: the host, or istiod.istio-system.svc)',
    ),
    new Option(
      '--root-cert <file>',
      'roots that they and all peers are trusted under (required)',
    ).makeOptionMandatory(),
    new Option('--token <file>', 'proof of identity for the certificate authority, read for every request'),
    new Option('--key-dir <dir>', 'keep key and certificate over a restart (default: in memory only)'),
    new Option('--certificate-ttl <duration>', 'lifetime to ask for').default('24h'),
    new Option('--trust-domain <domain>', 'of the identity').default('cluster.local'),
    new Option('--proxy-type <type>', 'sidecar or router').default('sidecar'),
    new Option('--cluster-id <id>', 'the Kubernetes cluster (required)').makeOptionMandatory(),
    new Option('--network <network>', 'the network of the pod').default(''),
    new Option('--mesh-id <id>', 'the mesh').default('cluster.local'),
    new Option('--namespace <namespace>', 'of the pod').default('default'),
    new Option('--service-account <name>', 'of the pod').default('default'),
    new Option('--pod-name <name>', 'default: the host name'),
    new Option('--pod-ip <addresses>', 'comma separated (default: of the first interface)'),
    new Option('--pod-ports <json>', 'the container ports as JSON'),
    new Option('--workload-name <name>', 'default: the name of the pod'),
    new Option('--domain <domain>', 'DNS domain of the pod (default: NAMESPACE.svc.cluster.local)'),
    new Option('--label <key=value>', 'a label of the pod; repeatable, or comma separated')
      .argParser((text: string, before: readonly string[]) => [...before, ...text.split(',').filter(Boolean)])
      .default([], 'none'),
    new Option('--locality <region/zone/subzone>', 'where the pod runs (default: the control plane looks it up)'),
    new Option(
      '--requested-network-view <networks>',
      'gateways: whose endpoints to see, comma separated (default: $ISTIO_META_REQUESTED_NETWORK_VIEW, else all)',
    ),
    new Option(
      '--auto-register-group <name>',
      'machines outside Kubernetes: the WorkloadGroup (default: $ISTIO_META_AUTO_REGISTER_GROUP)',
    ),
    new Option('--readiness-probe <json>', 'of such a machine: when its workload is ready, as `probe` of the group'),
    new Option('--gateway-topology <json>', 'gateways: who stands in front, as `gatewayTopology` of a ProxyConfig'),
    new Option('--interception-mode <mode>', 'REDIRECT, TPROXY (Envoy stays root for it) or NONE').default('REDIRECT'),
    new Option('--ads <variant>', 'delta or sotw').default('delta'),
    new Option('--work-dir <dir>', 'for the bootstrap and the socket (default: a temporary one)'),
    new Option('--sds-socket <path>', 'default: sds.sock in the work directory'),
    new Option('--admin-port <port>', "Envoy's admin interface, on 127.0.0.1").default('15000'),
    new Option('--health-port <port>', 'GET /healthz/ready; 0 for none').default('15021'),
    new Option('--prometheus-port <port>', 'GET /stats/prometheus; 0 for none').default('15090'),
    new Option('--dns <on|off>', "answer the workload's DNS (default: on if ISTIO_META_DNS_CAPTURE=true)").choices([
      'on',
      'off',
    ]),
    new Option('--dns-port <port>', 'on 127.0.0.1 and ::1, UDP and TCP').default('15053'),
    new Option('--dns-upstream <address:port>', 'asked for other names; repeatable, or comma separated')
      .argParser((text: string, before: readonly string[]) => [...before, ...text.split(',').filter(Boolean)])
      .default([], 'those of --resolv-conf'),
    new Option('--resolv-conf <file>', 'name servers and search path').default('/etc/resolv.conf'),
    new Option(
      '--status-port <port>',
      'readiness, metrics and probes (default: 15020 where ISTIO_KUBE_APP_PROBERS is set)',
    ),
    new Option('--envoy <path>', 'default: $ENVOY_PATH, else envoy on the PATH'),
    new Option('--no-envoy', 'serve secrets only'),
    new Option('--proxy-uid <uid>', 'the user and group that Envoy runs as (default: 1337 when root)'),
    new Option('--concurrency <threads>', "Envoy's worker threads").default('2'),
    new Option('--envoy-log-level <level>', 'trace to off').default('warning'),
    new Option(
      '--drain <duration>',
      'between SIGTERM and the end of Envoy; at least, with EXIT_ON_ZERO_ACTIVE_CONNECTIONS=true',
    ).default('5s'),
    new Option('--log-level <level>', 'of the agent').choices(['debug', 'info', 'warn', 'error']).default('info'),
  ];
}

function environmentName(option: Option): string {
  return `ISTHMUS_${(option.long ?? '').slice(2).toUpperCase().replaceAll('-', '_')}`;
}

async function start(options: AgentOptions & { readonly logLevel: string }): Promise<void> {
  const log = pino(
    { name: 'agent', level: options.logLevel, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  const stop = new AbortController();
  const kill = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    const controller = stop.signal.aborted ? kill : stop;
    log.info({ signal }, controller === stop ? 'stopping' : 'stopping at once');
    controller.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  await withExitCode(
    async () => {
      const config = agentConfig(options, {
        uid: process.getuid?.() ?? -1,
        envoyPath: process.env['ENVOY_PATH'],
        dnsCapture: process.env['ISTIO_META_DNS_CAPTURE'],
        networkView: process.env['ISTIO_META_REQUESTED_NETWORK_VIEW'],
        exitWhenIdle: process.env['EXIT_ON_ZERO_ACTIVE_CONNECTIONS'],
        autoRegisterGroup: process.env['ISTIO_META_AUTO_REGISTER_GROUP'],
        appProbers: process.env['ISTIO_KUBE_APP_PROBERS'],
        version: `isthmus-${packageJson.version}`,
      });
      // Redirection leaves the proxy's group alone, and has to leave the agent alone too: its request for the first certificate would
      // otherwise be sent to an Envoy that waits for that certificate.
      if (config.owner !== undefined) process.setegid?.(config.owner.gid);
      const signals = { stop: stop.signal, kill: kill.signal };
      await runAgent(config, { ...signals, clock: systemClock, random: Math.random, log, onEnvoyLine });
      if (kill.signal.aborted) process.exitCode = killedExitCode;
    },
    (error) => log.error({ code: error.code }, error.message),
  );
  process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
}

function onEnvoyLine(line: string): void {
  process.stderr.write(`envoy: ${line}\n`);
}
