// Arguments of `isthmus iptables` that together use every kind of rule. In: nothing. Out: by name, what differs from the defaults.

import type { InterceptionArguments } from '../../agent/iptables/parse-interception.ts';

export const interceptionCases: Readonly<Record<string, Partial<InterceptionArguments>>> = {
  defaults: {},
  'inbound-list': { istioInboundPorts: '80, 8080', istioLocalExcludePorts: '' },
  'no-inbound': { istioInboundPorts: '' },
  'no-outbound': { istioServiceCidr: '' },
  'ranges-and-ports': {
    istioServiceCidr: '10.1.2.3/8,fd00::/8',
    istioServiceExcludeCidr: '10.9.0.1,fd00:9::/32',
    istioOutboundPorts: '9000',
    istioLocalOutboundPortsExclude: '3306,53',
  },
  'all-addresses-by-range': { istioServiceCidr: '0.0.0.0/0,::/0' },
  'loopback-included': { istioServiceCidr: '127.0.0.0/8,10.0.0.0/8', loopbackCidr: '127.0.0.2/32' },
  users: { proxyUid: '1337,1000', proxyGid: '1337' },
  'owner-groups': { ownerGroups: '202,java' },
  'owner-groups-excluded': { ownerGroupsExclude: '888,java', redirectDns: true, captureAllDns: true },
  interfaces: { istioExcludeInterfaces: 'eth1,net+', kubeVirtInterfaces: 'tap0,tap1' },
  'interfaces-with-ranges': { istioServiceCidr: '10.0.0.0/8', kubeVirtInterfaces: 'tap0' },
  dns: { redirectDns: true },
  'dns-of-all-servers': { redirectDns: true, captureAllDns: true },
  tproxy: { istioInboundInterceptionMode: 'TPROXY' },
  'tproxy-with-all': {
    istioInboundInterceptionMode: 'TPROXY',
    istioInboundPorts: '80,443',
    istioExcludeInterfaces: 'eth1',
    kubeVirtInterfaces: 'tap0',
    istioInboundTproxyMark: '2000',
    redirectDns: true,
    dropInvalid: true,
  },
  'drop-invalid': { dropInvalid: true },
};

export const interceptionSurroundings = {
  nameservers: ['10.96.0.10', 'fd00::a', 'fe80::1%eth0'],
  groupId: (name: string): number | undefined => (name === 'java' ? 203 : undefined),
};
