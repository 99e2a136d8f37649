// A whole ingress gateway on a real API server: an instance that Helm installed, a Deployment whose pod is a proxy that the webhook
// completes, a load balancer, Gateways that share its ports, and a Secret that is replaced while requests go on.

import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeKube } from '../support/describe-kube.ts';
import { describeLab } from '../support/describe-lab.ts';
import { envoyPath } from '../support/envoy.ts';
import { istioDefinitions } from '../support/istio-definitions.ts';
import { namespaceObject, secretObject } from '../support/kube-primary.ts';
import { networkLab, type NetworkLab } from '../support/netns.ts';
import { startNodeCluster, type NodeCluster } from '../support/node/node-cluster.ts';
import { deployment, service } from '../support/node/test-objects.ts';
import { makeOutsideAuthority, type OutsideAuthority } from '../support/server-certificate.ts';
import { userShell, type UserShell } from '../support/user-shell.ts';
import { waitFor } from '../support/wait-for.ts';

const repository = resolve(import.meta.dirname, '../..');
describeKube('an ingress gateway', () => {
  describeLab('on a real API server', () => {
    let lab: NetworkLab;
    let cluster: NodeCluster;
    let shell: UserShell;
    let outside: OutsideAuthority;
    let clients: OutsideAuthority;
    /** Of the gateway's load balancer. */
    let address: string;

    const secret = async (name: string): Promise<void> => {
      const { certificatePem, keyPem } = await outside.leaf(`${name}.example.com`);
      const data = { 'tls.crt': certificatePem, 'tls.key': keyPem };
      await cluster.kube.api.apply(secretObject('edge', name, data, 'kubernetes.io/tls'));
    };

    beforeAll(async () => {
      [outside, clients] = await Promise.all([makeOutsideAuthority(), makeOutsideAuthority()]);
      const isthmus = [process.execPath, resolve(repository, 'server/main.ts')];
      const programs = { isthmus, envoy: [await envoyPath()] };
      const proxy = { entrypoint: isthmus, cmd: ['serve'], user: 1337, workingDir: repository, programs };
      lab = await networkLab();
      cluster = await startNodeCluster({ lab, index: 1, images: { 'isthmus-proxy': proxy } });
      const { api } = cluster.kube;
      await api.apply(...istioDefinitions);
      shell = await userShell({ 'cluster-1': cluster });
      await shell.run(install);
      await cluster.node.ready('istio-system', { app: 'istiod' }, 2);
      await api.apply(namespaceObject('edge'), namespaceObject('sample'));
      await Promise.all(['shop', 'blog', 'bank'].map((name) => secret(name)));
      await api.apply(secretObject('edge', 'bank-cacert', { 'ca.crt': clients.rootPem }));
      await api.apply(service('hello'), deployment('hello', { image: 'helloworld:v1', probe: true }));
      await shell.run(`cat <<'END' | kubectl --context cluster-1 apply -f -\n${objects}\nEND`);
      await cluster.node.ready('sample', { app: 'hello' });
      await cluster.node.ready('edge', { istio: 'ingress' });
      address = await cluster.node.loadBalancer('edge/ingress');
    }, 3_600_000);

    afterAll(async () => {
      await shell?.[Symbol.asyncDispose]();
      await cluster?.[Symbol.asyncDispose]();
      await lab?.dispose();
      await Promise.all([outside, clients].map((one) => one?.[Symbol.asyncDispose]()));
    });

    /** What curl prints of one request to the load balancer: the answer, its status, where it leads, the server's certificates. */
    const curl = (url: string, more = ''): Promise<string> => {
      const host = new URL(url).hostname;
      const to = `--resolve ${host}:443:${address} --resolve ${host}:80:${address}`;
      const format = String.raw`\nstatus %{http_code} to %{redirect_url}\n%{certs}`;
      return shell.run(`curl -sSk -m 5 ${to} ${more} -w '${format}' ${url} || echo failed`);
    };
    const answered = (url: string, status = 200, more = ''): Promise<string> =>
      waitFor(
        () => curl(url, more),
        (said) => said.includes(`status ${status} `),
        { what: `${url} to be answered with ${status}`, timeoutMs: 60_000 },
      );
    const serialOf = (said: string): string => /Serial Number:\s*(\S+)/.exec(said)?.[1] ?? '';

    test('its pod is completed by the webhook, and listens behind the ports of its Service', async () => {
      const [pod] = cluster.node.pods('edge', { istio: 'ingress' });
      expect(pod?.spec?.containers.map(({ name, image }) => [name, image])).toEqual([
        ['istio-proxy', 'registry.example/isthmus-proxy:0.1.0'],
      ]);
      expect(await answered('https://shop.example.com/hello')).toContain('Hello version: v1');
    });

    test('several Gateways share a port, each server name with the certificate of its own Secret', async () => {
      expect(await answered('https://shop.example.com/hello')).toContain('CN = shop.example.com');
      expect(await answered('https://blog.example.com/hello')).toContain('CN = blog.example.com');
    });

    test('plain HTTP is sent to HTTPS', async () => {
      expect(await answered('http://shop.example.com/hello', 301)).toContain('to https://shop.example.com/hello');
    });

    test('mutual TLS takes clients under the roots of the Secret -cacert, and no others', async () => {
      const { certificatePem, keyPem } = await clients.leaf('friend');
      const write = (name: string, pem: string): Promise<string> => shell.run(`cat > ${name} <<'END'\n${pem}END`);
      await write('friend.crt', certificatePem);
      await write('friend.key', keyPem);
      const url = 'https://bank.example.com/hello';
      expect(await answered(url, 200, '--cert friend.crt --key friend.key')).toContain('Hello version');
      expect(await curl(url)).toContain('failed');
      const stranger = await outside.leaf('friend');
      await write('stranger.crt', stranger.certificatePem);
      await write('stranger.key', stranger.keyPem);
      expect(await curl(url, '--cert stranger.crt --key stranger.key')).toContain('failed');
    });

    test('a Secret that is replaced is used within seconds, and no request fails', async () => {
      const url = 'https://shop.example.com/hello';
      const before = serialOf(await answered(url));
      expect(before).not.toBe('');
      const load = { asking: true };
      const statuses = new Map<string, number>();
      const traffic = (async () => {
        while (load.asking) {
          const status = /status (\d+)|failed/.exec(await curl(url))?.[0] ?? 'nothing';
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      })();
      try {
        await secret('shop');
        await waitFor(
          async () => serialOf(await curl(url)),
          (serial) => serial !== '' && serial !== before,
          { what: 'the new certificate', timeoutMs: 30_000 },
        );
      } finally {
        load.asking = false;
        await traffic;
      }
      expect([...statuses.keys()]).toEqual(['status 200']);
    });
  });
});

const install = `
kubectl --context cluster-1 create namespace istio-system
cat > values.yaml <<'END'
image: { repository: registry.example/isthmus }
clusterId: cluster-1
network: network1
gatewaySecrets: [{ namespace: edge, names: [shop, blog, bank, bank-cacert] }]
injection:
  values:
    isthmus: { dataPlane: isthmus, image: 'registry.example/isthmus-proxy:0.1.0' }
END
kubectl --context cluster-1 create namespace edge
helm --kube-context cluster-1 install isthmus deploy/chart/isthmus --namespace istio-system --values values.yaml
kubectl --context cluster-1 -n istio-system rollout status deployment/istiod
`;

const server = (name: string, mode: string): string =>
  `- { port: { number: 443, name: ${name}, protocol: HTTPS }, hosts: [${name}.example.com], tls: { mode: ${mode}, credentialName: ${name} } }`;

const objects = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: ingress, namespace: edge }
---
apiVersion: v1
kind: Service
metadata: { name: ingress, namespace: edge }
spec:
  type: LoadBalancer
  selector: { istio: ingress }
  ports: [{ name: http, port: 80, targetPort: 8080 }, { name: https, port: 443, targetPort: 8443 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ingress, namespace: edge }
spec:
  selector: { matchLabels: { istio: ingress } }
  template:
    metadata:
      labels: { istio: ingress, sidecar.istio.io/inject: 'true' }
      annotations: { inject.istio.io/templates: gateway }
    spec:
      serviceAccountName: ingress
      containers: [{ name: istio-proxy, image: auto }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: shop, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com], tls: { httpsRedirect: true } }
    ${server('shop', 'SIMPLE')}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: others, namespace: edge }
spec:
  selector: { istio: ingress }
  servers:
    ${server('blog', 'SIMPLE')}
    ${server('bank', 'MUTUAL')}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: hello, namespace: sample }
spec:
  gateways: [edge/shop, edge/others]
  hosts: ["*.example.com"]
  http: [{ route: [{ destination: { host: hello, port: { number: 80 } } }] }]
`;
