// A paper model of one instance among many regions. In: a plan, and costs that were measured. Out: the lines of a table.

export interface Plan {
  readonly regions: number;
  /** Of all regions together. */
  readonly proxies: number;
  readonly services: number;
  readonly replicasPerRegion: number;
  /** Of all services, those that a proxy may see. */
  readonly visibleShare: number;
  /** Changes of its status that a pod goes through: a rollout is about six. */
  readonly changesPerPodAndDay: number;
  readonly gatewaysPerRegion: number;
  /** A region's proxies are 200 workloads of five pods; each replica gets some of each. */
  readonly workloadsPerRegion: number;
  /**
   * Namespaces with workloads in a region. Each is an outbound view of its own (server/view/view-key.ts): all of a region have one
   * cluster and network, and labels and localities count only where some policy asks.
   */
  readonly namespacesPerRegion: number;
  /** Outbound views a namespace: more than one when a policy tells its workloads apart, or where they are. */
  readonly viewsPerNamespace: number;
}

export const plan: Plan = {
  regions: 100,
  proxies: 100_000,
  services: 20_000,
  replicasPerRegion: 2,
  visibleShare: 1,
  changesPerPodAndDay: 60,
  gatewaysPerRegion: 2,
  workloadsPerRegion: 200,
  namespacesPerRegion: 20,
  viewsPerNamespace: 1,
};

/** Pods a service in the run of remotes. */
const podsPerServiceOfRemotes = 10;

/** Each with what it is from: a part of docs/performance.md, or `classes`, which is `test/bench/memory/measure-classes.ts`. */
export const measured = {
  /** Remotes: resident memory before, with nothing connected. */
  idleMib: 178.6,
  /** Remotes: resident growth a remote pod, of which it has a tenth of a service. */
  podKib: 1.77,
  /** Classes: live memory a service of a remote. */
  serviceKib: 2.06,
  /** Classes: live memory of an outbound view a service that it sees, its five pods in five other regions. */
  viewKibPerService: 7,
  /** Classes: live memory of the inbound view of a workload. */
  workloadKib: 12.4,
  /** Remotes: resident growth for each byte that is live. */
  residentOfLive: 1.77 / 1.59,
  /** First table: growth of a new process for each of its first 200 proxies, over TLS. */
  proxyKib: 104,
  /** First table: KiB a proxy when 200 services connect, over TLS. */
  connectKibPerService: 394.91 / 200,
  /** First table: KiB a proxy of an endpoint change. */
  changeKib: 0.71,
  /** First table: CPU of an endpoint change to 200 proxies. */
  pushMsPerProxy: 11.2 / 200,
  /** Remotes: CPU while 50 pods a second change, with no proxy. */
  readMsPerChange: 165 / 50,
  /** Remotes: CPU of the first sync, and bytes read, of 20,000 pods. */
  syncMsPerPod: 5800 / 20_000,
  syncKibPerPod: (145 * 1024) / 20_000,
  /** Classes: bytes to read a pod with five a service, where the two figures above are of ten. */
  syncOfFives: 1.024,
  /** First table: CPU when 200 proxies reconnect with what they hold of 200 services. */
  reconnectMsPerProxyAndService: 689 / 200 / 200,
  /** Storm: CPU a client that comes back over TLS, without that of a reconnect in plaintext. */
  handshakeMs: 26_518 / 5000 - 689 / 200,
} as const;

/** What an instance reads of a remote, a watch each: Namespaces, Nodes, Pods, Services, EndpointSlices, labelled Gateways. */
const watchesPerRemote = 6;
const probeSeconds = 5;
/** Views that no proxy uses any more and that are kept all the same, at most (server/cache/view-store.ts). */
const idleViews = 64;

export interface Line {
  readonly name: string;
  readonly value: string;
}

export function estimate(chosen: Plan): readonly Line[] {
  const { regions, proxies: pods, services, replicasPerRegion: replicas, visibleShare } = chosen;
  const own = pods / regions / replicas;
  const remotePods = pods - pods / regions;
  const readPods = remotePods * measured.syncOfFives;
  const visible = services * visibleShare;
  const changes = (pods * chosen.changesPerPodAndDay) / 86_400;
  const concerning = changes * visibleShare;
  const readers = (regions - 1) * replicas;
  const ownChanges = changes / regions;
  const serviceKib = measured.serviceKib * measured.residentOfLive;
  const podKib = measured.podKib - serviceKib / podsPerServiceOfRemotes;
  const mib = measured.idleMib + (remotePods * podKib + services * serviceKib + own * measured.proxyKib) / 1024;
  const workloadsMib = (chosen.workloadsPerRegion * measured.workloadKib * measured.residentOfLive) / 1024;
  const viewMib = (visible * measured.viewKibPerService * measured.residentOfLive) / 1024;
  const views = chosen.namespacesPerRegion * chosen.viewsPerNamespace;
  const totalMib = mib + workloadsMib + views * viewMib;
  const connectMib = (visible * measured.connectKibPerService) / 1024;
  const readCores = (changes * measured.readMsPerChange) / 1000;
  const pushCores = (concerning * own * measured.pushMsPerProxy) / 1000;
  return [
    { name: 'connected proxies', value: own.toFixed(0) },
    { name: 'memory: what is read, and connections', value: size(mib) },
    { name: 'memory: generated for what the workloads receive', value: size(workloadsMib) },
    { name: 'memory: generated for what the proxies of a namespace call', value: size(viewMib) },
    { name: `memory, with ${views} such namespaces`, value: size(totalMib) },
    { name: 'memory, when a rule also asks for one of three zones', value: size(totalMib + 2 * views * viewMib) },
    { name: `memory, with ${idleViews} unused views besides`, value: size(totalMib + idleViews * viewMib) },
    { name: 'changes a second, of all regions', value: changes.toFixed(1) },
    { name: 'CPU: reading them', value: cores(readCores) },
    { name: 'CPU: pushing those that are visible', value: cores(pushCores) },
    { name: 'sent to proxies', value: perSecond(concerning * own * measured.changeKib) },
    { name: 'a proxy connects for the first time', value: `${connectMib.toFixed(1)} MiB` },
    { name: 'all of a replica connect for the first time', value: `${((own * connectMib) / 1024).toFixed(2)} GiB` },
    {
      name: 'all of a lost replica come back with what they hold, CPU',
      value: `${((own * (measured.handshakeMs + visible * measured.reconnectMsPerProxyAndService)) / 1000).toFixed(1)} s`,
    },
    {
      name: 'a fresh start reads',
      value: `${size((readPods * measured.syncKibPerPod) / 1024)}, ${((readPods * measured.syncMsPerPod) / 1000).toFixed(0)} s of CPU`,
    },
    { name: 'watches on the API server of a region', value: String(readers * watchesPerRemote) },
    { name: 'sent by the API server of a region', value: perSecond(ownChanges * readers * measured.syncKibPerPod) },
    {
      name: 'probes that an instance sends',
      value: `${(((regions - 1) * chosen.gatewaysPerRegion) / probeSeconds).toFixed(0)} a second`,
    },
    { name: 'probes that a gateway gets', value: `${(readers / probeSeconds).toFixed(0)} a second` },
  ];
}

function size(mib: number): string {
  return mib < 1024 ? `${mib.toFixed(0)} MiB` : `${(mib / 1024).toFixed(1)} GiB`;
}

function cores(value: number): string {
  return `${value.toFixed(2)} cores`;
}

function perSecond(kib: number): string {
  return kib < 1024 ? `${kib.toFixed(0)} KiB/s` : `${(kib / 1024).toFixed(1)} MiB/s`;
}
