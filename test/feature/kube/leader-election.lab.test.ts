// One of several replicas leads, on a real API server and with exactly the rights of a primary. Terms are short so that tests are.

import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LeaderElection, type LeaderTimings } from '../../../server/kube/leader-election.ts';
import { steadyClock } from '../../../server/kube/steady-clock.ts';
import { asPrimary, primaryClient, systemNamespace } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { memoryLog, type LogLine } from '../../support/memory-log.ts';
import { TcpRelay } from '../../support/tcp-relay.ts';
import { waitFor } from '../../support/wait-for.ts';

const timings = { termMs: 3000, renewMs: 2000, retryMs: 200 };
/** A successor that waited for the end of such a term would come far too late. */
const longTerm = { termMs: 60_000, renewMs: 40_000, retryMs: 200 };
const name = 'isthmus-leader';
const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace: systemNamespace, name } };
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/${name}`;

let cluster: KubeCluster;
let kubeconfig: string;

beforeAll(async () => {
  cluster = await startKubeCluster();
  kubeconfig = await asPrimary(cluster);
}, 900_000);

afterAll(async () => {
  await cluster.stop();
});

beforeEach(async () => {
  await cluster.api.delete(lease);
});

interface Replica {
  readonly election: LeaderElection;
  readonly lines: readonly LogLine[];
  /** As on SIGTERM. */
  stop(): Promise<void>;
}

/** Who works at present, in the order in which they began; and the most at a time. */
class Workplace {
  readonly present = new Set<string>();
  readonly came: string[] = [];
  readonly leftAtMs = new Map<string, number>();
  most = 0;

  async work(holder: string, signal: AbortSignal): Promise<void> {
    this.present.add(holder);
    this.came.push(holder);
    this.most = Math.max(this.most, this.present.size);
    if (!signal.aborted) {
      await new Promise<void>((done) => {
        signal.addEventListener('abort', () => done(), { once: true });
      });
    }
    this.present.delete(holder);
    this.leftAtMs.set(holder, performance.now());
  }
}

interface ReplicaOptions {
  readonly path?: string;
  readonly timings?: LeaderTimings;
}

function replica(holder: string, workplace: Workplace, options: ReplicaOptions = {}): Replica {
  const { path = kubeconfig } = options;
  const client = primaryClient(path);
  const { log, lines } = memoryLog();
  const election = new LeaderElection({
    client,
    name,
    holder,
    timings: options.timings ?? timings,
    clock: steadyClock,
    random: Math.random,
    log,
    work: (signal) => workplace.work(holder, signal),
  });
  const stopping = new AbortController();
  const stopped = election.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await stopped;
    client.close();
  };
  onTestFinished(stop);
  return { election, lines, stop };
}

const expectLeader = (workplace: Workplace, holder: string, timeoutMs = 15_000) =>
  waitFor(
    () => [...workplace.present],
    (present) => present.includes(holder),
    { what: `${holder} to lead`, timeoutMs },
  );

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseTransitions: number;
  readonly renewTime: string;
}

async function leaseSpec(): Promise<LeaseSpec> {
  const { spec } = (await cluster.api.get(leasePath)) as { readonly spec: LeaseSpec };
  return spec;
}

describe('of several replicas', () => {
  it('exactly one leads, and goes on renewing', async () => {
    const workplace = new Workplace();
    const replicas = ['a', 'b', 'c'].map((holder) => replica(holder, workplace));
    await waitFor(
      () => workplace.present.size,
      (size) => size === 1,
      { what: 'a leader' },
    );
    const first = await leaseSpec();
    // Two terms: were it not renewed, another one would have taken over.
    await waitFor(
      leaseSpec,
      ({ renewTime }) => Date.parse(renewTime) > Date.parse(first.renewTime) + 2 * timings.termMs,
      {
        what: 'renewals',
      },
    );
    expect(workplace.came).toHaveLength(1);
    expect((await leaseSpec()).leaseTransitions).toBe(0);
    expect(replicas.filter(({ election }) => election.leading)).toHaveLength(1);
  });

  it('the next one leads at once when the leader is told to stop', async () => {
    const workplace = new Workplace();
    const first = replica('a', workplace, { timings: longTerm });
    await expectLeader(workplace, 'a');
    replica('b', workplace, { timings: longTerm });
    await first.stop();
    await expectLeader(workplace, 'b', longTerm.termMs / 6);
    expect(workplace.most).toBe(1);
    expect(await leaseSpec()).toMatchObject({ holderIdentity: 'b' });
  });

  it('a leader that can not reach the API server stops before another one begins', async () => {
    await using relay = new TcpRelay(Number(new URL(cluster.server).port));
    const port = await relay.listen();
    const path = cluster.file('relayed.kubeconfig');
    await writeFile(path, (await readFile(kubeconfig, 'utf8')).replaceAll(cluster.server, `https://127.0.0.1:${port}`));
    const workplace = new Workplace();
    const first = replica('a', workplace, { path });
    await expectLeader(workplace, 'a');
    replica('b', workplace);
    relay.cut();
    const cutAtMs = performance.now();
    await expectLeader(workplace, 'b');
    expect(performance.now() - cutAtMs).toBeLessThan(2 * timings.termMs);
    expect(workplace.leftAtMs.get('a')).toBeLessThan(performance.now());
    expect(workplace.most).toBe(1);
    relay.mend();
    // It finds out who leads now and does not disturb it.
    await waitFor(
      () => first.election.leading,
      (leading) => !leading,
      { what: 'the first one to be a candidate' },
    );
    expect(await leaseSpec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });
});

describe('a holder whose clock is wrong', () => {
  it('keeps the Lease as long as it renews it, and loses it a term after its last renewal', async () => {
    const anHourAgo = (): string => new Date(Date.now() - 3_600_000).toISOString().replace('Z', '000Z');
    const renew = (): Promise<void> =>
      cluster.api.apply({
        ...lease,
        spec: { holderIdentity: 'skewed', leaseDurationSeconds: timings.termMs / 1000, renewTime: anHourAgo() },
      });
    await renew();
    const workplace = new Workplace();
    replica('a', workplace);
    let lastMs = 0;
    for (const startMs = performance.now(); performance.now() - startMs < 2 * timings.termMs;) {
      lastMs = performance.now();
      await renew();
    }
    expect(workplace.came).toEqual([]);
    await expectLeader(workplace, 'a');
    expect(performance.now() - lastMs).toBeGreaterThan(timings.termMs - 2 * timings.retryMs);
  });
});

describe('work that fails', () => {
  it('gives the Lease to another replica', async () => {
    const client = primaryClient(kubeconfig);
    const { log, lines } = memoryLog();
    const stop = new AbortController();
    const broken = new LeaderElection({
      client,
      name,
      holder: 'broken',
      timings,
      clock: steadyClock,
      random: Math.random,
      log,
      work: () => Promise.reject(new Error('no')),
    }).run(stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await broken;
      client.close();
    });
    await waitFor(
      () => lines,
      (all) => all.some(({ level }) => level === 50),
      { what: 'the failure in the log' },
    );
    const workplace = new Workplace();
    replica('a', workplace);
    await expectLeader(workplace, 'a');
  });
});
