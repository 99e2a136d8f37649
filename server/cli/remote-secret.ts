// `isthmus remote-secret --cluster-id C --kubeconfig F`: prints the Secret that makes the cluster of a kubeconfig a remote of
// every instance in whose system namespace it is applied.

import { Command, Option } from 'commander';
import { ConfigError } from '../config.ts';
import type { RemoteSecretOptions } from './make-remote-secret.ts';

export function remoteSecretCommand(): Command {
  return new Command('remote-secret')
    .description('Print the Secret that makes a cluster a remote: apply it next to the instances that are to read it.')
    .requiredOption('--cluster-id <id>', 'name of the remote cluster')
    .requiredOption('--kubeconfig <file>', 'how the cluster is reached; files that it names are put inline')
    .option('--context <name>', 'context of the kubeconfig, instead of its current one')
    .option('--server <url>', 'address of the API server as instances reach it, instead of that of the kubeconfig')
    .option('--service-account <[namespace/]name>', 'ask the cluster for a token of this account and use that')
    .option('--ttl <duration>', 'how long that token is to be valid; the API server may shorten it', '365d')
    .option('--allow-programs', 'keep what runs a program (exec, auth-provider)', false)
    .option('--name <name>', 'name of the Secret, instead of istio-remote-secret-CLUSTER_ID')
    .option('--namespace <name>', 'namespace of the control plane', 'istio-system')
    .option('--network <name>', 'network of the cluster, when its own objects do not say')
    .option('--namespaces <names>', 'read these namespaces only, with commas between them')
    .option('--label-selector <selector>', 'read Services and EndpointSlices with these labels only')
    .addOption(
      new Option('--stale-policy <policy>', 'its endpoints while it can not be reached').choices([
        'keep',
        'degrade',
        'drop',
      ]),
    )
    .option('--stale-after <duration>', 'when that takes effect')
    .addOption(new Option('-o, --output <format>', 'format').choices(['yaml', 'json']).default('yaml'))
    .action(async (options: RemoteSecretOptions) => {
      // Loaded here so that the other commands start without what reads kubeconfigs.
      const { makeRemoteSecret, RemoteSecretError } = await import('./make-remote-secret.ts');
      try {
        const { text, remarks } = await makeRemoteSecret(options);
        for (const remark of remarks) process.stderr.write(`isthmus remote-secret: ${remark}\n`);
        process.stdout.write(text);
      } catch (error) {
        if (!(error instanceof RemoteSecretError) && !(error instanceof ConfigError)) throw error;
        process.stderr.write(`isthmus remote-secret: ${error.message}\n`);
        process.exitCode = error instanceof ConfigError ? 2 : 1;
      }
    });
}
