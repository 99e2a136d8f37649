// Routes travel by the virtual host. A real Envoy that takes them so, under requests without a pause: whatever is added, changed,
// removed or renamed, and whoever restarts, no request meets a route that is not there yet or not there any more.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startScenario } from '../demo/build-scenario.ts';
import { routesContain, subsetsArrived } from '../demo/promises.ts';
import { writeRegistryFile, type Region, type Scenario } from '../demo/scenario.ts';
import { describeLab } from '../support/describe-lab.ts';
import { waitFor } from '../support/wait-for.ts';
import { AskingAllTheTime } from './asking-all-the-time.ts';

const host = 'helloworld.sample.svc.cluster.local';

/** A second service before the same pods, on the port of the first and on another one: two route configurations. */
const greeter = (name: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: sample }
spec:
  clusterIP: 10.96.1.60
  clusterIPs: [10.96.1.60]
  ports:
    - { name: http, port: 5000, targetPort: 5000 }
    - { name: http-more, port: 5001, targetPort: 5000 }
  selector: { app: helloworld }
`;

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: helloworld, namespace: sample }
spec:
  host: helloworld
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

const onlyTo = (version: string, { name = 'hello', of = 'helloworld' } = {}): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: sample }
spec:
  hosts: [${of}]
  http: [{ route: [{ destination: { host: helloworld, subset: ${version} } }] }]
`;

const at = (name: string, port = 5000): { readonly url: string; readonly via: string } => ({
  url: `http://${name}:${port}/hello`,
  via: `10.96.1.60:${port}`,
});

describeLab('virtual hosts at a real Envoy', () => {
  let scenario: Scenario;
  let one: Region;

  beforeAll(async () => {
    scenario = await startScenario();
    one = scenario.one;
    await inBoth('subsets.yaml', subsets);
    await subsetsArrived(scenario);
  });

  afterAll(() => scenario?.dispose());

  afterEach(async () => {
    for (const pod of scenario.pods) {
      const rejected = await pod.rejectedUpdates();
      if (rejected > 0) throw new Error(`${pod.name}'s Envoy rejected ${rejected} updates`);
    }
  });

  const inBoth = async (file: string, text: string): Promise<void> => {
    await Promise.all(scenario.regions.map((region) => writeRegistryFile(region, file, text)));
  };

  const removeInBoth = async (file: string): Promise<void> => {
    await Promise.all(scenario.regions.map((region) => rm(join(region.registry, file), { force: true })));
  };

  const status = async ({ url, via }: { readonly url: string; readonly via: string }): Promise<string> => {
    const options = ['--noproxy', '*', '--connect-to', `::${via}`, '--max-time', '5', '-o', '/dev/null'];
    return (await one.sleep.host.exec(['curl', '-s', ...options, '-w', '%{http_code}', url])).stdout;
  };

  const answers = (where: { readonly url: string; readonly via: string }): Promise<string> =>
    waitFor(
      () => status(where),
      (code) => code === '200',
      { what: `${where.url} to be answered` },
    );

  /** The rule is followed, and by nothing else. */
  const answeredBy = async (version: string): Promise<void> => {
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);
    await asking.stop();
    expect(asking.versions).toEqual([version]);
    expect(asking.failures).toEqual([]);
  };

  test('a starting sidecar opens no listener before its virtual hosts are there', async () => {
    await one.sleep.kill();
    const codes = new Set<string>();
    const counting = new AbortController();
    const counted = (async () => {
      while (!counting.signal.aborted)
        codes.add(await status({ url: 'http://helloworld:5000/hello', via: '10.96.1.50:5000' }));
    })();
    one.sleep.start();
    await one.sleep.ready();
    await answers({ url: 'http://helloworld:5000/hello', via: '10.96.1.50:5000' });
    counting.abort();
    await counted;
    // Until there is a listener nobody takes the connection (000); from then on every request has its route.
    expect([...codes].filter((code) => code !== '000')).toEqual(['200']);
    await scenario.settled(one.controlPlane);
  });

  test('a host that is added answers, on both of its ports, and goes without a failure of its neighbour', async () => {
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);
    await inBoth('greeter.yaml', greeter('greeter'));
    await answers(at('greeter'));
    await answers(at('greeter', 5001));
    await using more = new AskingAllTheTime(one.sleep.host, at('greeter'));
    await using other = new AskingAllTheTime(one.sleep.host, at('greeter', 5001));
    await Promise.all([asking, more, other].map((each) => each.more(50)));
    await Promise.all([more.stop(), other.stop()]);
    await removeInBoth('greeter.yaml');
    await waitFor(
      () => one.sleep.admin('/config_dump?resource=dynamic_listeners'),
      (dump) => !dump.includes('0.0.0.0_5001'),
      { what: 'the second port to go' },
    );
    await asking.more(50);
    await asking.stop();
    for (const each of [asking, more, other]) expect(each.failures).toEqual([]);
  });

  test('rules that change all the time under traffic on two route configurations lose no request', async () => {
    await inBoth('greeter.yaml', greeter('greeter'));
    await answers(at('greeter', 5001));
    await using asking = new AskingAllTheTime(one.sleep.host);
    await using other = new AskingAllTheTime(one.sleep.host, at('greeter', 5001));
    for (let round = 0; round < 10; round += 1) {
      const version = round % 2 === 0 ? 'v1' : 'v2';
      await writeRegistryFile(
        one,
        'rule.yaml',
        `${onlyTo(version)}---${onlyTo(version, { name: 'greet', of: 'greeter' })}`,
      );
      await Promise.all([asking, other].map((each) => each.more(10)));
    }
    await rm(join(one.registry, 'rule.yaml'));
    await Promise.all([asking, other].map((each) => each.more(20)));
    await Promise.all([asking.stop(), other.stop()]);
    for (const each of [asking, other]) {
      expect(each.failures).toEqual([]);
      expect(each.versions).toEqual(['v1', 'v2']);
    }
  });

  test('a renamed rule and a renamed host: the new name answers, and what keeps its name never fails', async () => {
    await inBoth('greeter.yaml', greeter('greeter'));
    await writeRegistryFile(one, 'rule.yaml', onlyTo('v1'));
    await answers(at('greeter'));
    await routesContain(one.sleep, `"outbound|5000|v1|${host}"`);
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);

    await writeRegistryFile(one, 'rule.yaml', onlyTo('v1', { name: 'hello-renamed' }));
    await inBoth('greeter.yaml', greeter('welcome'));
    await answers(at('welcome'));
    await answers(at('welcome', 5001));
    await asking.more(50);
    await asking.stop();
    expect(asking.failures).toEqual([]);
    await answeredBy('v1');
  });

  test('a rule that changed while the control plane was away is followed after it is back, without a failure', async () => {
    await writeRegistryFile(one, 'rule.yaml', onlyTo('v1'));
    await routesContain(one.sleep, `"outbound|5000|v1|${host}"`);
    await using asking = new AskingAllTheTime(one.sleep.host);
    await asking.more(20);

    expect(await one.controlPlane.stop()).toMatchObject({ code: 0 });
    await writeRegistryFile(one, 'rule.yaml', onlyTo('v2'));
    await asking.more(20);
    one.controlPlane.start();
    await one.controlPlane.ready();
    await scenario.settled(one.controlPlane);
    await routesContain(one.sleep, `"outbound|5000|v2|${host}"`);
    await asking.more(20);
    await asking.stop();
    expect(asking.failures).toEqual([]);
    await answeredBy('v2');
  });
});
