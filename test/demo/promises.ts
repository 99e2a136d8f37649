// What the demo promises, one function each: does it on the running scenario, shows the result on the screen, and throws
// `PromiseBroken` when it was not so.

import { join } from 'node:path';
import { waitFor } from '../support/wait-for.ts';
import { ask, countText, together } from './ask.ts';
import type { Answers } from './ask.ts';
import { exampleDirectory } from './example.ts';
import type { Pod } from './pod.ts';
import { PromiseBroken } from './promise-broken.ts';
import type { Region, Scenario } from './scenario.ts';
import type { Screen } from './screen.ts';
import { sidecarUid } from './sidecar-user.ts';

/** Ten requests from each side: workloads of both clusters answer both. */
export async function bothVersionsAnswerBoth(scenario: Scenario, screen: Screen): Promise<void> {
  for (const region of scenario.regions) {
    const promise = `sleep in ${region.cluster.clusterId} is answered by both clusters`;
    screen.heading(`sleep in ${region.cluster.clusterId}: curl http://helloworld:5000/hello, ten times`);
    let answers = await ask(region.sleep.host, 10);
    for (const line of answers.lines) screen.line(`  ${line}`);
    requireNoFailure(answers, promise);
    if (answers.versions.size === 1) {
      // Endpoints are picked at random: ten alike happen once in about 500 times although nothing is wrong.
      screen.line('  ten alike, which chance brings now and then: ten more');
      const more = await ask(region.sleep.host, 10);
      requireNoFailure(more, promise);
      answers = together(answers, more);
    }
    if (!answers.versions.has('v1') || !answers.versions.has('v2')) {
      throw new PromiseBroken(promise, countText(answers.versions));
    }
    screen.kept(`${promise}: ${countText(answers.versions)}`);
  }
}

/** Each instance manages its own cluster and reads the other for discovery only. */
export async function eachManagesItsOwnCluster(scenario: Scenario, screen: Screen): Promise<void> {
  screen.heading('Kubernetes clusters, as each instance sees them (/api/v1/clusters)');
  const rows: string[][] = [];
  for (const { controlPlane, cluster } of scenario.regions) {
    for (const status of await controlPlane.clusters()) {
      rows.push([controlPlane.name, status.clusterId, status.network, status.mode, status.phase]);
      const expected = status.clusterId === cluster.clusterId ? 'primary' : 'discovery-only';
      if (status.mode !== expected || status.phase !== 'running' || status.problems.length > 0) {
        throw new PromiseBroken(`${controlPlane.name} has ${status.clusterId} as ${expected}`, JSON.stringify(status));
      }
    }
  }
  screen.table(['INSTANCE', 'CLUSTER', 'NETWORK', 'MODE', 'PHASE'], rows);
  screen.kept('each instance manages its own cluster and reads the other for discovery only');
}

/** Every proxy has accepted what it was last sent, and rejected nothing ever: by the instances' account and by Envoy's own. */
export async function nothingIsRejected(scenario: Scenario, screen: Screen): Promise<void> {
  screen.heading(
    'Proxies and the versions that they acknowledged (/api/v1/proxies, and update_rejected of each Envoy)',
  );
  const rows: string[][] = [];
  let rejected = 0;
  for (const { controlPlane } of scenario.regions) {
    for (const proxy of await controlPlane.proxies()) {
      const pod = scenario.pods.find(({ name, pod }) => `${name}.${pod.namespace}` === proxy.proxy);
      if (pod === undefined) throw new PromiseBroken('every proxy is one of the scenario', proxy.proxy);
      const byInstance = proxy.types.reduce((sum, type) => sum + type.rejected, 0);
      const byEnvoy = await pod.rejectedUpdates();
      rejected += byInstance + byEnvoy;
      const version = (name: string): string => {
        const type = proxy.types.find((candidate) => candidate.name === name);
        if (type === undefined) return '–';
        return type.status === 'SYNCED' ? `${type.version.slice(0, 8)} (${type.resources})` : type.status;
      };
      rows.push([
        controlPlane.name,
        proxy.proxy,
        ...['cds', 'eds', 'lds', 'rds', 'vhds'].map((name) => version(name)),
        `${byInstance}`,
        `${byEnvoy}`,
      ]);
    }
  }
  screen.table(['INSTANCE', 'PROXY', 'CDS', 'EDS', 'LDS', 'RDS', 'VHDS', 'REJECTED', 'BY ENVOY'], rows);
  if (rejected > 0) throw new PromiseBroken('no update is rejected', `${rejected} were`);
  if (rows.length !== scenario.pods.length) {
    throw new PromiseBroken(`${scenario.pods.length} proxies are connected`, `${rows.length} are`);
  }
  screen.kept('no update was rejected');
}

/** Both ends prove who they are: v2 names its caller, and every Envoy's certificate carries its workload's identity. */
export async function bothEndsAreIdentified(scenario: Scenario, screen: Screen): Promise<void> {
  screen.heading('Identities at both ends (Envoy /certs, and what the application in cluster-2 is told)');
  const pods = [scenario.one.sleep, scenario.two.helloworld];
  const certificates = await Promise.all(pods.map((pod) => pod.certificate()));
  screen.table(
    ['WORKLOAD', 'SPIFFE ID', 'VALID UNTIL'],
    pods.map(({ name }, index) => [
      name,
      certificates[index]?.spiffeId ?? '',
      certificates[index]?.expiresAt.toISOString() ?? '',
    ]),
  );
  for (const [index, { name, pod }] of pods.entries()) {
    const expected = spiffeId(pod.namespace, pod.serviceAccount);
    const found = certificates[index]?.spiffeId ?? '';
    if (found !== expected) throw new PromiseBroken(`${name} is ${expected}`, found);
  }
  const caller = await callerSeenBy(scenario.one.sleep, 'v2');
  const expected = spiffeId('sample', 'sleep');
  screen.line(`  x-forwarded-client-cert at v2: ${caller}`);
  if (!caller.includes(`URI=${expected}`)) {
    throw new PromiseBroken(`v2 in cluster-2 is told that ${expected} calls`, caller || 'no header');
  }
  screen.kept(`v2 in cluster-2 is called by ${expected}`);
}

/** The pods of the other network can't be reached but through the gateway. */
export async function networksAreSeparate(scenario: Scenario, screen: Screen): Promise<void> {
  screen.heading('The two networks without the gateways (curl past the sidecar, as its own user)');
  const rows: string[][] = [];
  for (const [from, to] of [
    [scenario.one, scenario.two],
    [scenario.two, scenario.one],
  ] as const) {
    const own = await pastTheSidecar(from.sleep, from.helloworld.pod.address);
    const other = await pastTheSidecar(from.sleep, to.helloworld.pod.address);
    const [near, far] = [from, to].map((region) => `${region.helloworld.name} ${region.helloworld.pod.address}`);
    rows.push([from.sleep.name, near ?? '', own.text], [from.sleep.name, far ?? '', other.text]);
    const promise = `${from.sleep.name} reaches ${from.cluster.network} and not ${to.cluster.network}`;
    if (!own.reached || other.reached) throw new PromiseBroken(promise, `${own.text}; ${other.text}`);
  }
  screen.table(['FROM', 'TO', 'RESULT'], rows);
  screen.kept(
    'network1 and network2 do not reach each other: every answer from the other cluster came through a gateway',
  );
}

/** A rule dropped into the directories moves traffic: one request in ten to v2. */
export async function canaryIsFollowed(scenario: Scenario, screen: Screen): Promise<void> {
  screen.heading('A rule: examples/multi-primary/canary.yaml, 10 % to v2, dropped into both directories');
  const startedMs = performance.now();
  await scenario.apply(join(exampleDirectory, 'canary.yaml'));
  await canaryArrived(scenario);
  screen.progress(`every Envoy has it after ${Math.round(performance.now() - startedMs)} ms`);
  for (const region of scenario.regions) await tenthGoesToV2(region, screen);
}

/** Resolves once both sleeps route by the rule and both gateways know its subsets. */
async function canaryArrived(scenario: Scenario): Promise<void> {
  const routed = scenario.regions.map(({ sleep }) =>
    routesContain(sleep, '"outbound|5000|v2|helloworld.sample.svc.cluster.local"'),
  );
  await Promise.all([...routed, subsetsArrived(scenario)]);
}

/** Resolves once each gateway lets in what its own network has: the subset of the version that runs there. */
export async function subsetsArrived(scenario: Scenario): Promise<void> {
  await Promise.all(
    scenario.regions.map(({ gateway, helloworld }) =>
      listenersContain(gateway, `outbound_.5000_.${helloworld.pod.labels['version']}_.helloworld.sample`),
    ),
  );
}

/** Resolves once the routes that this Envoy holds mention `text`. Routes are applied last of a change. */
export async function routesContain(pod: Pod, text: string): Promise<void> {
  await dumpContains(pod, 'dynamic_route_configs', text);
}

async function listenersContain(pod: Pod, text: string): Promise<void> {
  await dumpContains(pod, 'dynamic_listeners', text);
}

async function dumpContains(pod: Pod, resource: string, text: string): Promise<void> {
  await waitFor(
    async () => (await pod.admin(`/config_dump?resource=${resource}`)).includes(text),
    (found) => found,
    { what: `${pod.name} to have ${text} in its ${resource}`, intervalMs: 100 },
  );
}

// Each request is a throw of a die: a fair tenth of 1,000 misses by more than two points once in 28 times. Then 1,000 more are
// asked and all are judged together, which a share that is really wrong does not survive.
async function tenthGoesToV2(region: Region, screen: Screen): Promise<void> {
  const promise = `10 % of 1,000 requests from ${region.cluster.clusterId} go to v2, give or take two points`;
  let answers = await ask(region.sleep.host, 1000);
  for (let round = 2; round <= 3 && !isTenth(answers); round += 1) {
    requireNoFailure(answers, promise);
    screen.line(`  ${shareText(answers)} may be chance: 1,000 more, judged together`);
    answers = together(answers, await ask(region.sleep.host, 1000));
  }
  requireNoFailure(answers, promise);
  if (!isTenth(answers)) throw new PromiseBroken(promise, shareText(answers));
  screen.kept(`sleep in ${region.cluster.clusterId}: ${shareText(answers)}`);
}

function isTenth(answers: Answers): boolean {
  return Math.abs(sharePercent(answers) - 10) <= 2;
}

function sharePercent(answers: Answers): number {
  return ((answers.versions.get('v2') ?? 0) / answers.asked) * 100;
}

function shareText(answers: Answers): string {
  return `${sharePercent(answers).toFixed(1)} % of ${answers.asked} requests to v2 (${countText(answers.versions)})`;
}

function requireNoFailure(answers: Answers, promise: string): void {
  const answered = answers.lines.length;
  if (answers.failures.size === 0 && answered === answers.asked) return;
  throw new PromiseBroken(
    promise,
    `${answered} of ${answers.asked} answered; failures: ${countText(answers.failures)}`,
  );
}

/** Asks `/headers` until the wanted version answers, and returns what its proxy told it of the caller. */
export async function callerSeenBy(from: Pod, version: string): Promise<string> {
  const answer = await waitFor(
    async () => {
      const { status, body } = await from.host.get('http://helloworld:5000/headers');
      return status === 200 ? (JSON.parse(body) as { version: string; headers: Record<string, string> }) : undefined;
    },
    (seen) => seen?.version === version,
    { what: `an answer from ${version}` },
  );
  return answer?.headers['x-forwarded-client-cert'] ?? '';
}

function spiffeId(namespace: string, serviceAccount: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}

async function pastTheSidecar(from: Pod, address: string): Promise<{ reached: boolean; text: string }> {
  const url = `http://${address}:5000/hello`;
  const curl = ['curl', '-sS', '--noproxy', '*', '--max-time', '5', url];
  const result = await from.host.exec(curl, { uid: sidecarUid });
  if (result.code === 0) return { reached: true, text: result.stdout.trim() };
  const route = await from.host.exec(['ip', 'route', 'get', address]);
  return { reached: false, text: (route.code === 0 ? result.stderr : route.stderr).trim().replace(/^.*: /, '') };
}
