// Service addresses without kube-proxy. In: the Services and EndpointSlices of a cluster, and where its node stands. Out: the rules
// of the node's network namespace, as iptables-restore reads them, all tables that it has.

import type { V1EndpointSlice, V1Service, V1ServicePort } from '@kubernetes/client-node';

export interface RouterPlace {
  readonly serviceRange: string;
  /** The node's address for others. */
  readonly address: string;
  /** The device to the pods, and the one to other clusters. */
  readonly podDevice: string;
  readonly linkDevice: string;
}

export interface ServiceState {
  readonly services: readonly V1Service[];
  readonly slices: readonly V1EndpointSlice[];
  /** `NAMESPACE/NAME` of a Service of type LoadBalancer → its address. */
  readonly loadBalancers: ReadonlyMap<string, string>;
}

interface Target {
  readonly ip: string;
  readonly port: number;
}

export function serviceRules(place: RouterPlace, state: ServiceState): string {
  const { serviceRange, podDevice, linkDevice } = place;
  const targetIps = new Set<string>();
  const rules: string[] = [];
  for (const service of state.services) {
    for (const port of service.spec?.ports ?? []) {
      const targets = targetsOf(service, port, state.slices);
      for (const { ip } of targets) targetIps.add(ip);
      for (const match of matches(place, state, service, port)) rules.push(...forwards(match, targets));
    }
  }
  return [
    '*nat',
    ':PREROUTING ACCEPT',
    ':OUTPUT ACCEPT',
    ':POSTROUTING ACCEPT',
    ':SERVICES -',
    '-A PREROUTING -j SERVICES',
    '-A OUTPUT -j SERVICES',
    ...rules,
    // A pod that reaches itself through a service would not take the answer as one.
    ...[...targetIps].toSorted().map((ip) => `-A POSTROUTING -s ${ip} -d ${ip} -j MASQUERADE`),
    // A pod's address never leaves its cluster.
    `-A POSTROUTING -o ${linkDevice} -j MASQUERADE`,
    'COMMIT',
    '*filter',
    ':FORWARD DROP',
    ':OUTPUT ACCEPT',
    ':INPUT ACCEPT',
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    ...[`-A FORWARD -d ${serviceRange}`, `-A OUTPUT -d ${serviceRange}`].flatMap((none) => [
      `${none} -p tcp -j REJECT --reject-with tcp-reset`,
      `${none} -j REJECT`,
    ]),
    `-A FORWARD -i ${podDevice} -j ACCEPT`,
    `-A FORWARD -i ${linkDevice} -m conntrack --ctstate DNAT -j ACCEPT`,
    'COMMIT',
    '',
  ].join('\n');
}

/** Which packets go to a port of a service. */
function matches(place: RouterPlace, state: ServiceState, service: V1Service, port: V1ServicePort): readonly string[] {
  const { metadata, spec } = service;
  if (spec === undefined || spec.clusterIP === 'None' || spec.type === 'ExternalName') return [];
  const to = (ip: string, number: number): string =>
    `-d ${ip} -p ${(port.protocol ?? 'TCP').toLowerCase()} --dport ${number}`;
  const balancer = state.loadBalancers.get(`${metadata?.namespace}/${metadata?.name}`);
  return [
    ...(spec.clusterIP === undefined || spec.clusterIP === '' ? [] : [to(spec.clusterIP, port.port)]),
    ...(port.nodePort === undefined ? [] : [to(place.address, port.nodePort)]),
    ...(balancer === undefined ? [] : [to(balancer, port.port)]),
  ];
}

/** Each target has the same chance: of those that are left, the first is taken one time in their number. */
function forwards(match: string, targets: readonly Target[]): readonly string[] {
  return targets.map(({ ip, port }, index) => {
    const left = targets.length - index;
    const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(8)}`;
    return `-A SERVICES ${match}${chance} -j DNAT --to-destination ${ip}:${port}`;
  });
}

function targetsOf(service: V1Service, port: V1ServicePort, slices: readonly V1EndpointSlice[]): readonly Target[] {
  const ips = new Map<string, Target>();
  for (const slice of slicesOf(service, slices)) {
    const found = slice.ports?.find((each) => (each.name ?? '') === (port.name ?? ''));
    if (found?.port === undefined || slice.addressType !== 'IPv4') continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      if (conditions?.ready === false) continue;
      for (const ip of addresses) ips.set(`${ip}:${found.port}`, { ip, port: found.port });
    }
  }
  // In order, so that the same state gives the same rules.
  return [...ips].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}

export function slicesOf({ metadata }: V1Service, slices: readonly V1EndpointSlice[]): readonly V1EndpointSlice[] {
  return slices.filter(
    (slice) =>
      slice.metadata?.namespace === metadata?.namespace &&
      slice.metadata?.labels?.['kubernetes.io/service-name'] === metadata?.name,
  );
}
