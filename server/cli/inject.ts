// `isthmus inject -f FILE`: manifests in, the same manifests with proxies in their pods out. What the webhook does, without a cluster.

import { Command, Option } from 'commander';
import { InjectError } from '../inject/inject-error.ts';
import { InputError } from './input-file.ts';
import type { InjectManifestsOptions } from './inject-manifests.ts';

export function injectCommand(): Command {
  return new Command('inject')
    .description('Add the proxy to the pods of manifests, as the webhook of a cluster would.')
    .requiredOption('-f, --filename <file>', 'manifests in YAML or JSON; - reads the standard input')
    .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
    .option('--namespace-labels <labels>', 'labels of the namespace (KEY=VALUE with commas between them), which decide')
    .option('--revision <name>', 'revision of the control plane', 'default')
    .option('--cluster-id <id>', 'the cluster that the pods are for; left out: that of --values, else Kubernetes')
    .option('--network <name>', 'its network', '')
    .option('--system-namespace <name>', 'namespace of the control plane', 'istio-system')
    .option('--trust-domain <domain>', 'trust domain of workload identities', 'cluster.local')
    .option('--mesh-config <file>', 'MeshConfig, or the ConfigMap istio')
    .option('--inject-config <file>', 'policy and templates, or the ConfigMap istio-sidecar-injector')
    .option('--values <file>', 'images, resources and defaults: the part "values" of that ConfigMap')
    .option('--image <image>', 'image of the proxy')
    .addOption(
      new Option('--data-plane <which>', "istio: Istio's image; isthmus: a stock Envoy").choices(['istio', 'isthmus']),
    )
    .addOption(new Option('--interception <where>', 'who redirects').choices(['init', 'none']))
    .option('--kubernetes-version <version>', 'of the cluster; before 1.29 the proxy is an ordinary container', '1.29')
    .addHelpText(
      'after',
      '\nKinds with pods are Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job, CronJob and List;\n' +
        'other documents stay as they are. Without --namespace-labels every pod is injected that does not refuse it.\n' +
        'Exit codes: 0 done; 1 a pod or file is wrong, and nothing is printed; 2 wrong use.',
    )
    .action(async (options: InjectManifestsOptions & { readonly filename: string }) => {
      // Loaded here so that the other commands start without it.
      const { injectManifests, readInput } = await import('./inject-manifests.ts');
      try {
        const { text, remarks } = await injectManifests(await readInput(options.filename), options);
        for (const remark of remarks) process.stderr.write(`isthmus inject: ${remark}\n`);
        process.stdout.write(text);
      } catch (error) {
        const isExpected = error instanceof InjectError || error instanceof InputError;
        if (!isExpected) throw error;
        process.stderr.write(`isthmus inject: ${error.message}\n`);
        process.exitCode = 1;
      }
    });
}
