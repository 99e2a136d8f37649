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
import { cutOff, resetConnections } from './cut-off.ts';

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
  http: [{ name: ${name}, route: [{ destination: { host: helloworld, subset: ${version} } }] }]
`;

const at = (name: string, port = 5000): { readonly url: string; readonly via: string } => ({
  url: `http://${name}:${port}/hello`,
  via: `10.96.1.60:${port}`,
});

/** A service that only its rule makes answer: with v2. */
const ruled = (name: string): string => `${greeter(name)}---${onlyTo('v2', { name, of: name })}`;

type Where = { readonly url: string; readonly via: string };

describeLab('virtual hosts at a real Envoy', () => {
  let scenario: Scenario;
  let one: Region;
  /** What a test cut and did not mend yet. */
  let cut: AsyncDisposable | undefined;

  const mended = async (): Promise<void> => {
    const ended = cut;
    cut = undefined;
    await ended?.[Symbol.asyncDispose]();
  };

  beforeAll(async () => {
    scenario = await startScenario();
    one = scenario.one;
    await inBoth('subsets.yaml', subsets);
    await subsetsArrived(scenario);
  });

  afterAll(() => scenario?.dispose());

  afterEach(async () => {
    await mended();
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

  const status = async ({ url, via }: Where): Promise<string> => {
    const options = ['--noproxy', '*', '--connect-to', `::${via}`, '--max-time', '5', '-o', '/dev/null'];
    return (await one.sleep.host.exec(['curl', '-s', ...options, '-w', '%{http_code}', url])).stdout;
  };

  const answers = (where: Where): Promise<string> =>
    waitFor(
      () => status(where),
      (code) => code === '200',
      { what: `${where.url} to be answered` },
    );

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

    for (let round = 0; round < 3; round += 1) {
      await writeRegistryFile(one, 'rule.yaml', onlyTo('v1', { name: `hello-renamed-${round}` }));
      await routesContain(one.sleep, `hello-renamed-${round}`);
      await asking.more(10);
    }
    await inBoth('greeter.yaml', greeter('welcome'));
    await answers(at('welcome'));
    await answers(at('welcome', 5001));
    await asking.more(50);
    await asking.stop();
    expect(asking.failures).toEqual([]);
    // Without the rule, for however short a time, the other version would have answered too.
    expect(asking.versions).toEqual(['v1']);
  });

  /** Ways to be without the control plane. Each resolves when it is so, and to what ends it. */
  const absences = {
    'is started again': async (): Promise<() => Promise<void>> => {
      expect(await one.controlPlane.stop()).toMatchObject({ code: 0 });
      return async () => {
        one.controlPlane.start();
        await one.controlPlane.ready();
      };
    },
    'lives on, behind a connection that was cut': async (): Promise<() => Promise<void>> => {
      const made = await cutOff(one.sleep.host);
      cut = made;
      expect(made.connections).toBeGreaterThan(0);
      await waitFor(
        () => one.controlPlane.proxies(),
        (proxies) => proxies.length === 2,
        { what: 'the control plane to see the sidecar gone' },
      );
      return mended;
    },
  };

  test.each(Object.entries(absences))(
    'what came, went and changed while away is as the rules of now ask when the control plane %s, without a failure',
    async (_, leave) => {
      await writeRegistryFile(one, 'rule.yaml', onlyTo('v1'));
      await writeRegistryFile(one, 'others.yaml', ['staying', 'leaving', 'old-name'].map(ruled).join('---'));
      // A name that no virtual host has goes where it was sent to, to the pod of v1: with or without a rule there is an answer.
      const toPod = (name: string, port = 5000): Where => ({
        url: `http://${name}:${port}/hello`,
        via: `${one.helloworld.pod.address}:${port}`,
      });
      const expected = [
        { where: toPod('helloworld'), before: 'v1', after: 'v2' },
        { where: toPod('staying', 5001), before: 'v2', after: 'v2' },
        { where: toPod('leaving'), before: 'v2', after: 'v1' },
        { where: toPod('old-name'), before: 'v2', after: 'v1' },
        { where: toPod('new-name'), before: 'v1', after: 'v2' },
        { where: toPod('coming'), before: 'v1', after: 'v2' },
      ] as const;
      await answers(toPod('staying', 5001));
      await using stack = new AsyncDisposableStack();
      // Six of them without longer pauses would take the machine from the control plane that starts.
      const all = expected.map((each) => ({
        ...each,
        asking: stack.use(new AskingAllTheTime(one.sleep.host, { ...each.where, pauseS: 0.3 })),
      }));
      await Promise.all(all.map(({ asking, before }) => asking.untilHeard([before])));

      const comeBack = await leave();
      await writeRegistryFile(one, 'rule.yaml', onlyTo('v2'));
      await writeRegistryFile(one, 'others.yaml', ['staying', 'new-name', 'coming'].map(ruled).join('---'));
      await Promise.all(all.map(({ asking }) => asking.more(20)));
      expect(all.map(({ asking }) => asking.versions)).toEqual(all.map(({ before }) => [before]));
      await comeBack();
      const failed = await Promise.all(
        all.map(async ({ where, asking, after }) => (await asking.untilHeard([after])).map((of) => [where.url, of])),
      );
      expect(failed.flat()).toEqual([]);
      await scenario.settled(one.controlPlane);
    },
  );

  test('rules that change while the connection is cut again and again lose no request and are followed', async () => {
    await inBoth('greeter.yaml', greeter('greeter'));
    await answers(at('greeter', 5001));
    await using asking = new AskingAllTheTime(one.sleep.host);
    await using other = new AskingAllTheTime(one.sleep.host, at('greeter', 5001));
    const both = [asking, other];
    await Promise.all(both.map((each) => each.more(20)));
    for (let round = 0; round < 6; round += 1) {
      const version = round % 2 === 0 ? 'v1' : 'v2';
      const rules = `${onlyTo(version)}---${onlyTo(version, { name: 'greet', of: 'greeter' })}`;
      const [connections] = await Promise.all([
        resetConnections(one.sleep.host),
        writeRegistryFile(one, 'rule.yaml', rules),
      ]);
      expect(connections).toBeGreaterThan(0);
      for (const failures of await Promise.all(both.map((each) => each.untilHeard([version])))) {
        expect(failures).toEqual([]);
      }
    }
    await scenario.settled(one.controlPlane);
  });

  test('a starting sidecar opens no listener of two ports before their virtual hosts are there', async () => {
    await inBoth('greeter.yaml', greeter('greeter'));
    await answers(at('greeter', 5001));
    await one.sleep.kill();
    // Nothing listens there: what finds a listener without its virtual hosts goes on to it, and fails.
    const address = one.gateway.pod.address;
    await using first = new AskingAllTheTime(one.sleep.host, { via: `${address}:5000`, pauseS: 0.02 });
    await using second = new AskingAllTheTime(one.sleep.host, {
      ...at('greeter', 5001),
      via: `${address}:5001`,
      pauseS: 0.02,
    });
    const both = [first, second];
    await waitFor(
      () => both.every(({ failures }) => failures.includes('000')),
      (refused) => refused,
      { what: 'requests to find nobody' },
    );
    one.sleep.start();
    await one.sleep.ready();
    await Promise.all(both.map((each) => each.more(20)));
    await Promise.all(both.map((each) => each.stop()));
    // Until there is a listener nobody takes the connection (000, and curl's reason); from then on every request has its route.
    const answered = (line: string): boolean => line !== '000' && !line.startsWith('curl: ');
    expect(both.flatMap(({ failures }) => failures.filter(answered))).toEqual([]);
    await scenario.settled(one.controlPlane);
  });
});
