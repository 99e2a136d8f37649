// Two regions with the same services: the cluster of the instance, and a remote on another network, each with a gateway. In: the
// empty registry of the first. Out: how an instance is told of both, and where changes of each go.

import type { ClusterStatus } from '../../../discovery/model/cluster-snapshot.ts';
import { asRemoteReader } from '../../support/kube-primary.ts';
import { startKubeCluster } from '../../support/kube.ts';
import { waitFor } from '../../support/wait-for.ts';
import { eachOf } from '../each-of.ts';
import { openDirectory, replaceObject, type BenchRegistry } from '../registry.ts';
import { network, type ServerUnderTest } from '../server-under-test.ts';
import { foundationOf, serviceObjects, type RegionIdentity, type RegionSize } from './region-objects.ts';

export type Region = Pick<BenchRegistry, 'write' | 'replace' | 'pids'>;

export interface Regions extends RegionSize, AsyncDisposable {
  /** The first with the remote in its options. */
  readonly own: BenchRegistry;
  readonly remote: Region;
}

interface RemoteRegion extends Region, AsyncDisposable {
  /** A directory or a kubeconfig. */
  readonly location: string;
}

/** How a region is filled, when it is not with the usual services. */
export type RegionFilling = (region: Pick<Region, 'write'>, identity: RegionIdentity) => Promise<void>;

const remoteId = 'cluster-2';
const ownRegion: RegionIdentity = { index: 0, network, gateway: '192.0.2.10' };
const remoteRegion: RegionIdentity = { index: 1, network: 'network2', gateway: '192.0.2.20' };

/** Takes the registry, which is empty, and disposes of it. The remote is of the same kind. */
export async function openRegions(
  opened: BenchRegistry,
  size: RegionSize,
  filling: RegionFilling = (region, identity) => fill(region, size, identity),
): Promise<Regions> {
  await using stack = new AsyncDisposableStack();
  stack.use(opened);
  const remote = stack.use(await openRemote(opened.kind));
  await Promise.all([filling(opened, ownRegion), filling(remote, remoteRegion)]);
  const kept = stack.move();
  return {
    ...size,
    own: { ...opened, argv: [...opened.argv, '--remote', `${remoteId}=${remote.location}`] },
    remote,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Resolves when the instance knows every endpoint of the remote. */
export async function untilRemoteIsRead(
  { instance }: ServerUnderTest,
  { services, endpoints }: RegionSize,
): Promise<void> {
  await waitFor(
    async () => {
      const clusters = (await instance.json('/api/v1/clusters')) as readonly ClusterStatus[];
      return clusters.find(({ clusterId }) => clusterId === remoteId)?.endpoints ?? 0;
    },
    (known) => known >= services * endpoints,
    { what: 'the endpoints of the remote', timeoutMs: 60_000 },
  );
}

async function openRemote(kind: BenchRegistry['kind']): Promise<RemoteRegion> {
  if (kind === 'directory') {
    const directory = await openDirectory();
    return { ...directory, location: directory.path };
  }
  const cluster = await startKubeCluster({ index: remoteRegion.index });
  try {
    return {
      location: await asRemoteReader(cluster),
      write: (...objects) => cluster.api.apply(...objects),
      replace: (object) => replaceObject(cluster, object),
      pids: () => cluster.pids,
      [Symbol.asyncDispose]: () => cluster.stop(),
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function fill({ write }: Pick<Region, 'write'>, size: RegionSize, identity: RegionIdentity): Promise<void> {
  await write(...foundationOf(identity));
  const services = Array.from({ length: size.services }, (_, service) => service);
  await eachOf(services, (service) => write(...serviceObjects(service, size, identity)));
}
