// Name servers and suffixes of /etc/resolv.conf.

import { expect, test } from 'vitest';
import { parseResolverFile } from '../../../../agent/dns/resolver-file.ts';

test('a pod’s file is read', () => {
  const text =
    'search sample.svc.cluster.local svc.cluster.local. Cluster.Local\nnameserver 10.96.0.10\noptions ndots:5\n';
  expect(parseResolverFile(text)).toEqual({
    servers: [{ address: '10.96.0.10', port: 53 }],
    searches: ['sample.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  });
});

test('comments, what is no address and what is unknown are skipped; three servers are used; the last search holds', () => {
  const text = [
    '# nameserver 1.1.1.1',
    'nameserver dns.example',
    'nameserver fd00::a ; main',
    '\tnameserver\t10.0.0.2',
    'nameserver 10.0.0.3',
    'nameserver 10.0.0.4',
    'domain a.example',
    'search b.example',
    'sortlist 1.2.3.4',
  ].join('\n');
  expect(parseResolverFile(text)).toEqual({
    servers: ['fd00::a', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, port: 53 })),
    searches: ['b.example'],
  });
  expect(parseResolverFile('')).toEqual({ servers: [], searches: [] });
});
