// `node --expose-gc test/bench/memory/measure-classes.ts`: what a class of proxies keeps for each service that it sees, and what a
// remote keeps for each pod and for each service. Prints what test/bench/scale/estimate.ts takes. Live memory after a collection,
// heap and what is outside it, so a busy machine gives the same.

import { clusterId, networkId } from '../../../discovery/model/names.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { ClusterRegistry } from '../../../discovery/registry/cluster-registry.ts';
import { objectOf } from '../../support/kube-objects.ts';
import { clusterObjects, podObject, serviceObject, sliceObject, type RemoteSize } from '../remotes/remote-objects.ts';
import { openClassMesh, proxyOfClass, proxyOfService, type PodPlace } from './class-mesh.ts';

const classes = 5;
const workloads = 200;
const placeNames: Readonly<Record<PodPlace, string>> = {
  own: 'pods in the own region',
  other: 'pods in another region',
  spread: 'pods in five other regions',
};
const [few, many] = [500, 2000] as const;

classBytes({ services: few, where: 'spread' });
for (const where of ['own', 'other', 'spread'] as const) {
  const [atFew, atMany] = [classBytes({ services: few, where }), classBytes({ services: many, where })];
  const perService = (atMany - atFew) / (many - few);
  console.log(
    `${placeNames[where]}: an outbound view keeps ${kib(perService)} a service that it sees, ` +
      `${kib(atFew - few * perService)} besides`,
  );
}
console.log(`the inbound view of a workload keeps ${kib(inboundBytes())}`);

const pods = 10_000;
remoteBytes({ services: 1000, pods });
const [tens, fives] = [remoteBytes({ services: 1000, pods }), remoteBytes({ services: 2000, pods })];
const serviceBytes = (fives - tens) / 1000;
console.log(
  `a remote keeps ${kib((tens - 1000 * serviceBytes) / pods)} a pod and ${kib(serviceBytes)} a service: ` +
    `${kib(tens / pods)} a pod with ten a service, ${kib(fives / pods)} with five`,
);
const [ofTens, ofFives] = [textBytes({ services: 1000, pods }), textBytes({ services: 2000, pods })];
console.log(`objects to read: ${(ofFives / ofTens).toFixed(3)} of the bytes a pod with five a service instead of ten`);

/** What one outbound view more keeps. */
function classBytes(size: { readonly services: number; readonly where: PodPlace }): number {
  const { cache, store } = openClassMesh(size);
  const attached = [cache.attach(proxyOfClass(0), () => undefined)];
  const one = held();
  for (let index = 1; index <= classes; index += 1) attached.push(cache.attach(proxyOfClass(index), () => undefined));
  const all = held();
  if (cache.classCount !== classes + 1) throw new Error(`${cache.classCount} classes instead of ${classes + 1}`);
  for (const attachment of attached) attachment.detach();
  store.close();
  return (all - one) / classes;
}

/** What one workload more of a namespace keeps. */
function inboundBytes(): number {
  const { cache, store } = openClassMesh({ services: few, where: 'own' });
  const attached = [cache.attach(proxyOfService(0), () => undefined)];
  const one = held();
  for (let index = 1; index <= workloads; index += 1)
    attached.push(cache.attach(proxyOfService(index), () => undefined));
  const all = held();
  if (cache.classCount !== workloads + 1) throw new Error(`${cache.classCount} classes instead of ${workloads + 1}`);
  for (const attachment of attached) attachment.detach();
  store.close();
  return (all - one) / workloads;
}

/** Live bytes of a registry that has read a remote. */
function remoteBytes(size: RemoteSize): number {
  const before = held();
  const registry = new ClusterRegistry({
    clusterId: clusterId('remote'),
    mode: 'discovery-only',
    source: { description: 'remote', scope: 'discovery-only', run: () => Promise.resolve() },
    network: networkId('network2'),
    config: defaultMeshConfig,
    meshNetworks: { networks: [] },
    now: () => 0,
  });
  registry.fold([{ kind: 'connected' }]);
  for (const text of textsOf(size)) {
    registry.fold([{ kind: 'changed', object: objectOf(JSON.parse(text) as Record<string, unknown>) }]);
  }
  registry.fold([{ kind: 'synced' }]);
  const after = held();
  if (registry.snapshot.services.size < size.services) throw new Error('services are missing');
  return after - before;
}

function textBytes(size: RemoteSize): number {
  let bytes = 0;
  for (const text of textsOf(size)) bytes += text.length;
  return bytes;
}

/** As an API server would send them, so that no string of an object is shared with another. */
function* textsOf(size: RemoteSize): Generator<string> {
  for (const object of clusterObjects('network2')) yield JSON.stringify(object);
  for (let index = 0; index < size.services; index += 1) {
    yield JSON.stringify(serviceObject(index));
    yield JSON.stringify(sliceObject(size, index));
  }
  for (let index = 0; index < size.pods; index += 1) yield JSON.stringify(podObject(size, index));
}

/** Live bytes. */
function held(): number {
  if (globalThis.gc === undefined) throw new Error('run this with --expose-gc');
  for (let round = 0; round < 3; round += 1) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(2)} KiB`;
}
