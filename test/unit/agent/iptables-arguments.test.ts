// The arguments of `isthmus iptables`: which are refused and in which words, and what the absent ones mean.

import { expect, test } from 'vitest';
import { defaultArguments, parseInterception } from '../../../agent/iptables/parse-interception.ts';
import type { InterceptionArguments } from '../../../agent/iptables/parse-interception.ts';
import { nameserversOf } from '../../../agent/iptables/surroundings.ts';

const parse = (given: Partial<InterceptionArguments>, nameservers: readonly string[] = []) =>
  parseInterception({ ...defaultArguments, ...given }, { nameservers, groupId: () => undefined });

const refused: readonly [Partial<InterceptionArguments>, string][] = [
  [{ istioInboundInterceptionMode: 'NONE' }, '-m: "NONE" is not a mode: use REDIRECT or TPROXY'],
  [{ envoyPort: '0' }, '-p: "0" is not a port: give a number from 1 to 65535'],
  [{ inboundCapturePort: '15006 -j DROP' }, '-z: "15006 -j DROP" is not a port'],
  [{ istioLocalExcludePorts: '80,70000' }, '-d: "70000" is not a port'],
  [{ istioInboundPorts: '80,*' }, `-b: "*" is not a port: give a number from 1 to 65535, or '*' alone`],
  [{ istioServiceCidr: '10.0.0.0/40' }, '-i: "10.0.0.0/40" is not an address range: give one like 10.0.0.0/8'],
  [{ istioServiceCidr: '10/8' }, '-i: "10/8" is not an address range'],
  [{ istioServiceExcludeCidr: '*' }, '-x: "*" is not an address range: give one like 10.0.0.0/8 or fd00::/8'],
  [{ istioOutboundPorts: '1-9' }, '-q: "1-9" is not a port'],
  [{ istioLocalOutboundPortsExclude: 'http' }, '-o: "http" is not a port'],
  [{ proxyUid: 'envoy' }, '-u: "envoy" is not a numeric id: give a number from 0 to 4294967294'],
  [{ proxyGid: '-1' }, '-g: "-1" is not a numeric id'],
  [{ istioExcludeInterfaces: 'eth0 -j ACCEPT' }, '-c: "eth0 -j ACCEPT" is not the name of a network device'],
  [{ kubeVirtInterfaces: 'a-name-of-sixteen' }, '-k: "a-name-of-sixteen" is not the name of a network device'],
  [{ istioInboundTproxyMark: '0x539' }, '-t: "0x539" is not a number in range'],
  [{ istioInboundTproxyRouteTable: '' }, '-r: "" is not a number in range'],
  [{ ownerGroups: 'java' }, '--owner-groups: there is no group "java" in /etc/group here: give its number'],
  [{ ownerGroups: '1', ownerGroupsExclude: '2' }, '--owner-groups and --owner-groups-exclude: give one of them'],
  [
    { ownerGroupsExclude: Array.from({ length: 65 }, (_, i) => i).join(',') },
    '--owner-groups-exclude: 65 groups, 64 are',
  ],
  [{ loopbackCidr: '10.0.0.0/8' }, '--loopback-cidr: "10.0.0.0/8" is not a part of 127.0.0.0/8'],
];

test.for(refused)('%j is refused: %s', ([given, message]) => {
  expect(() => parse(given)).toThrow(message);
});

test('without users the proxy is 1337, and without groups its groups are its users', () => {
  expect(parse({ proxyUid: '' })).toMatchObject({ proxyUserIds: [1337], proxyGroupIds: [1337] });
  expect(parse({ proxyUid: '0,1000' })).toMatchObject({ proxyUserIds: [0, 1000], proxyGroupIds: [0, 1000] });
});

test('DNS is redirected for the name servers of the pod, or for all, and not at all without any', () => {
  const cidrs = (given: Partial<InterceptionArguments>, servers: readonly string[]): unknown => {
    const { dns } = parse(given, servers);
    return dns === undefined || dns === 'all' ? dns : dns.map(({ cidr }) => cidr);
  };
  expect(cidrs({}, ['10.96.0.10'])).toBeUndefined();
  expect(cidrs({ redirectDns: true }, ['10.96.0.10', 'fd00::0a', 'fe80::1%eth0', 'nonsense'])).toEqual([
    '10.96.0.10/32',
    'fd00::a/128',
  ]);
  expect(cidrs({ redirectDns: true }, [])).toBeUndefined();
  expect(cidrs({ redirectDns: true, captureAllDns: true }, [])).toBe('all');
});

test('name servers are read from resolv.conf as the resolver reads it', () => {
  expect(
    nameserversOf('# nameserver 1.1.1.1\nnameserver 10.96.0.10\nsearch a b\n  nameserver\tfd00::a\nnameserver'),
  ).toEqual(['10.96.0.10', 'fd00::a']);
});
