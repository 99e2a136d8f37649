// `isthmus serve`: runs one control-plane instance in the foreground until SIGTERM or SIGINT.

import { statSync } from 'node:fs';
import { Command, Option } from 'commander';
import { useSmallBufferPool } from '../buffer-pool.ts';
import { ConfigError, readServeConfig, type ServeOptions } from '../config.ts';
import { CaError } from '../../ca/ca-error.ts';

/** The command with its fixed options; each is also read from `ISTHMUS_…` in the environment. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Run a control-plane instance in the foreground, until SIGTERM.')
    .addOption(option('--cluster-id <id>', 'name of the primary cluster (required)').makeOptionMandatory())
    .addOption(option('--network <name>', 'logical network of the primary (required; may be "")').makeOptionMandatory())
    .addOption(option('--registry <dir>', 'read the primary from a directory of Kubernetes YAML'))
    .addOption(option('--kubeconfig <file>', 'read the primary from the API server that this file names'))
    .addOption(
      option('--remote <id=location>', 'a remote cluster, discovery only: a directory or a kubeconfig (repeatable)')
        .default([], 'none')
        .argParser((value: string, before: string[]) => [...before, ...value.split(',').filter((part) => part !== '')]),
    )
    .addOption(
      option('--insecure-remote-kubeconfig <what>', 'let remotes run "programs" (exec), name "files"').default(''),
    )
    .addOption(option('--ca-dir <dir>', 'ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem of this instance'))
    .addOption(option('--mesh-config <file>', 'MeshConfig (key "mesh") and MeshNetworks (key "meshNetworks")'))
    .addOption(option('--trust-domain <domain>', 'trust domain of workload identities').default('cluster.local'))
    .addOption(option('--system-namespace <name>', 'namespace of the control plane').default('istio-system'))
    .addOption(option('--revision <name>', 'name of this instance among several for one cluster: istiod-REVISION'))
    .addOption(option('--revision-tags <names>', 'other names of the revision, with commas between them').default(''))
    .addOption(option('--bind <address>', 'address to listen on').default('0.0.0.0'))
    .addOption(option('--insecure-xds', 'serve plaintext xDS on --bind instead of loopback').default(false))
    .addOption(option('--xds-port <port>', 'plaintext xDS; 0 turns it off').default('15010'))
    .addOption(option('--xds-tls-port <port>', 'xDS and certificates over TLS; 0 turns it off').default('15012'))
    .addOption(option('--http-port <port>', 'readiness, API and dashboard; 0 turns it off').default('8080'))
    .addOption(option('--monitoring-port <port>', 'metrics, version, debug pages; 0 turns it off').default('15014'))
    .addOption(option('--webhook-port <port>', 'admission webhooks; 0 turns it off').default('15017'))
    .addOption(option('--state-dir <dir>', 'last known good state of every cluster, to start during an outage'))
    .addOption(
      option('--stale-policy <policy>', 'endpoints of an unreachable remote: keep, degrade, drop').default('keep'),
    )
    .addOption(option('--stale-after <duration>', 'when the stale policy takes effect').default('5m'))
    .addOption(
      option('--gateway-probe <on|off|interval>', 'probe gateways of other networks; on: every 5s').default('on'),
    )
    .addOption(
      option('--jwks-allow <blocks>', 'CIDR blocks to fetch keys of token issuers from, with commas').default(''),
    )
    .addOption(option('--jwks-deny <blocks>', 'CIDR blocks to fetch none from, unless allowed').default(''))
    .addOption(option('--object-status <on|off>', 'write findings into the status of objects').default('on'))
    .addOption(option('--max-certificate-ttl <duration>', 'longest life of a workload certificate').default('90d'))
    .addOption(option('--max-stream-age <duration>', 'end xDS streams after this time; 0 never').default('0'))
    .addOption(option('--max-proxies <n>', 'refuse further proxies, so that they go to another replica').default('0'))
    .addOption(option('--max-handshakes <n>', 'new connections a second; further ones wait').default('400'))
    .addOption(option('--max-requests <n>', 'requests a second of one client, beyond answers').default('100'))
    .addOption(option('--workers <n>', 'processes that serve TLS and streams; 0: this one does').default('0'))
    .addOption(option('--drain <duration>', 'time for streams to move elsewhere after SIGTERM').default('5s'))
    .addOption(option('--log-level <level>', 'trace, debug, info, warn, error').default('info'))
    .action(async (options: ServeOptions) => {
      try {
        const config = readServeConfig(options, isDirectory);
        useSmallBufferPool();
        // Loaded here so that the other commands start without the server's libraries.
        const { serve } = await import('../serve.ts');
        await serve(config);
      } catch (error) {
        if (!(error instanceof ConfigError) && !(error instanceof CaError)) throw error;
        process.stderr.write(`isthmus serve: ${error.message}\n`);
        process.exitCode = error instanceof ConfigError ? 2 : 1;
      }
    });
}

function option(flags: string, description: string): Option {
  const name = /^--([a-z-]+)/.exec(flags)?.[1] ?? '';
  return new Option(flags, description).env(`ISTHMUS_${name.replaceAll('-', '_').toUpperCase()}`);
}

/** A path that does not exist yet is taken for a directory unless it looks like a file. */
function isDirectory(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? !/(\.ya?ml|\.conf|config)$/i.test(path) : found.isDirectory();
}
