// An agent in a pod whose traffic is redirected already when it starts, as after an init container: nothing there answers on the
// redirection port until Envoy runs, and Envoy runs only with a certificate.

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeLab } from '../../support/describe-lab.ts';
import { envoyPathFor } from '../../support/envoy.ts';
import { networkLab } from '../../support/netns.ts';
import type { LabHost, NetworkLab } from '../../support/netns.ts';
import { waitFor } from '../../support/wait-for.ts';

describeLab('an agent behind redirection', () => {
  let lab: NetworkLab;
  let pod: LabHost;

  beforeEach(async () => {
    lab = await networkLab();
    await lab.network('one');
    pod = await lab.host({
      name: 'pod',
      legs: [{ network: 'one', address: '10.1.0.5/24' }],
      defaultRoute: { network: 'one' },
    });
    const authority = await lab.host({ name: 'authority', legs: [{ network: 'one', address: '10.1.0.2/24' }] });
    await authority.spawn([...program('run-authority.ts'), join(lab.directory, 'root.pem')]).waitForLine('listening');
    writeFileSync(join(lab.directory, 'token'), 'sleep-token');
    await pod.execOrThrow(program('run-iptables.ts'));
  });

  afterEach(() => lab.dispose());

  test('gets its certificate and starts Envoy as the proxy user', async () => {
    const options = {
      '--discovery-address': '10.1.0.2:15012',
      '--cluster-id': 'cluster-1',
      '--namespace': 'sample',
      '--service-account': 'sleep',
      '--root-cert': join(lab.directory, 'root.pem'),
      '--token': join(lab.directory, 'token'),
      '--envoy': await envoyPathFor(1337, lab.directory),
      '--drain': '0s',
    };
    const agent = pod.spawn([...program('../agent/run-agent.ts'), ...Object.entries(options).flat()]);

    await agent.waitForLine('Envoy started');
    const certificates = await waitFor(
      () => pod.get('http://127.0.0.1:15000/certs'),
      ({ body }) => body.includes('spiffe://'),
      { what: 'the certificate in Envoy' },
    );
    expect(certificates.body).toContain('spiffe://cluster.local/ns/sample/sa/sleep');
    const [envoy] = [...agent.output.matchAll(/"envoyPid":(\d+),"msg":"Envoy started"/g)].map((match) => match[1]);
    const shown = await pod.execOrThrow(['grep', '-E', '^(Uid|Gid|Groups)', `/proc/${envoy}/status`]);
    expect(shown.stdout).toMatch(/Uid:\s+1337\s+1337\s+1337\s+1337\nGid:\s+1337\s+1337\s+1337\s+1337\nGroups:\s*\n/);
  });
});

function program(name: string): readonly string[] {
  return [process.execPath, resolve(import.meta.dirname, name)];
}
