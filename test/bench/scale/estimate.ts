// A paper model of one instance among many regions. In: a plan, and costs that were measured (docs/performance.md). Out: the
// lines of a table.

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
}

export const plan: Plan = {
  regions: 100,
  proxies: 100_000,
  services: 20_000,
  replicasPerRegion: 2,
  visibleShare: 1,
  changesPerPodAndDay: 60,
  gatewaysPerRegion: 2,
};

/** Each with the part of docs/performance.md that it is from. */
export const measured = {
  /** Remotes: resident memory before, with nothing connected. */
  idleMib: 178.6,
  /** Remotes: resident growth a remote pod. */
  podKib: 1.77,
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
  /** First table: CPU when 200 proxies reconnect with what they hold of 200 services. */
  reconnectMsPerProxyAndService: 689 / 200 / 200,
  /** Storm: CPU a client that comes back over TLS, without that of a reconnect in plaintext. */
  handshakeMs: 26_518 / 5000 - 689 / 200,
} as const;

/** What an instance reads of a remote, a watch each: Namespaces, Nodes, Pods, Services, EndpointSlices, labelled Gateways. */
const watchesPerRemote = 6;
const probeSeconds = 5;

export interface Line {
  readonly name: string;
  readonly value: string;
}

export function estimate(chosen: Plan): readonly Line[] {
  const { regions, proxies: pods, services, replicasPerRegion: replicas, visibleShare } = chosen;
  const own = pods / regions / replicas;
  const remotePods = pods - pods / regions;
  const visible = services * visibleShare;
  const changes = (pods * chosen.changesPerPodAndDay) / 86_400;
  const concerning = changes * visibleShare;
  const readers = (regions - 1) * replicas;
  const ownChanges = changes / regions;
  const mib = measured.idleMib + (remotePods * measured.podKib + own * measured.proxyKib) / 1024;
  const connectMib = (visible * measured.connectKibPerService) / 1024;
  const readCores = (changes * measured.readMsPerChange) / 1000;
  const pushCores = (concerning * own * measured.pushMsPerProxy) / 1000;
  return [
    { name: 'connected proxies', value: own.toFixed(0) },
    { name: 'memory', value: `${mib.toFixed(0)} MiB` },
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
      value: `${((remotePods * measured.syncKibPerPod) / 1024).toFixed(0)} MiB, ${((remotePods * measured.syncMsPerPod) / 1000).toFixed(0)} s of CPU`,
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

function cores(value: number): string {
  return `${value.toFixed(2)} cores`;
}

function perSecond(kib: number): string {
  return kib < 1024 ? `${kib.toFixed(0)} KiB/s` : `${(kib / 1024).toFixed(1)} MiB/s`;
}
