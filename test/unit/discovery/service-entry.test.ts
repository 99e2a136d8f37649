// ServiceEntries: what is refused and why, which endpoints a host gets, and who holds a host that several declare.

import { describe, expect, it } from 'vitest';
import { MeshStore } from '../../../discovery/mesh/mesh-store.ts';
import { defaultMeshConfig } from '../../../discovery/model/mesh-config.ts';
import { clusterId, hostname } from '../../../discovery/model/names.ts';
import type { MeshService } from '../../../discovery/model/service.ts';
import {
  podManifest,
  policyManifest,
  serviceManifest,
  sliceManifest,
  type Manifest,
} from '../../support/kube-objects.ts';
import { changed, deleted, syncedCluster } from './cluster-scene.ts';

const https = { number: 443, name: 'https', protocol: 'HTTPS' };
const entry = (name: string, spec: Readonly<Record<string, unknown>>, more: object = {}): Manifest => ({
  ...policyManifest('ServiceEntry', name, { ports: [https], ...spec }),
  ...more,
});
const api = hostname('api.example.com');

function meshOf(manifests: readonly Manifest[], remote: readonly Manifest[] = []) {
  const pending: (() => void)[] = [];
  const store = new MeshStore({
    primary: clusterId('cluster-1'),
    config: defaultMeshConfig,
    schedule: (run) => pending.push(run),
  });
  const cluster = syncedCluster(manifests);
  store.add(cluster);
  store.add(syncedCluster(remote, { id: 'cluster-2', mode: 'discovery-only' }));
  store.flush();
  return { store, cluster };
}

describe('a ServiceEntry is refused, and the sentence names the field, for', () => {
  it.each([
    ['no hosts', {}, 'spec.hosts', 'missing-field'],
    ['every host', { hosts: ['*'] }, 'spec.hosts[0]', 'invalid-host'],
    ['a wrong host', { hosts: ['a..b'] }, 'spec.hosts[0]', 'invalid-host'],
    ['no ports', { hosts: ['a.b'], ports: [] }, 'spec.ports', 'missing-field'],
    [
      'a protocol',
      { hosts: ['a.b'], ports: [{ ...https, protocol: 'SCTP' }] },
      'spec.ports[0].protocol',
      'unsupported-field',
    ],
    [
      'GRPC-Web',
      { hosts: ['a.b'], ports: [{ ...https, protocol: 'GRPC-Web' }] },
      'spec.ports[0].protocol',
      'unsupported-field',
    ],
    [
      'two ports of one number',
      { hosts: ['a.b'], ports: [https, { ...https, name: 'b' }] },
      'spec.ports[1].number',
      'duplicate-port',
    ],
    ['DYNAMIC_DNS', { hosts: ['*.b'], resolution: 'DYNAMIC_DNS' }, 'spec.resolution', 'unsupported-field'],
    ['a resolution', { hosts: ['a.b'], resolution: 'MAGIC' }, 'spec.resolution', 'invalid-value'],
    ['a location', { hosts: ['a.b'], location: 'MOON' }, 'spec.location', 'invalid-value'],
    ['STATIC without endpoints', { hosts: ['a.b'], resolution: 'STATIC' }, 'spec.endpoints', 'missing-field'],
    [
      'NONE with endpoints',
      { hosts: ['a.b'], endpoints: [{ address: '192.0.2.1' }] },
      'spec.endpoints',
      'contradicting-fields',
    ],
    ['a pattern that is looked up', { hosts: ['*.b'], resolution: 'DNS' }, 'spec.hosts[0]', 'invalid-host'],
    [
      'a name where nothing is looked up',
      { hosts: ['a.b'], resolution: 'STATIC', endpoints: [{ address: 'vm.example.com' }] },
      'spec.endpoints[0].address',
      'invalid-address',
    ],
    [
      'a socket',
      { hosts: ['a.b'], resolution: 'STATIC', endpoints: [{ address: 'unix:///run/a.sock' }] },
      'spec.endpoints[0].address',
      'unsupported-field',
    ],
    [
      'a port that it does not have',
      { hosts: ['a.b'], resolution: 'STATIC', endpoints: [{ address: '192.0.2.1', ports: { web: 1 } }] },
      'spec.endpoints[0].ports.web',
      'unknown-port',
    ],
    [
      'two endpoints of DNS_ROUND_ROBIN',
      { hosts: ['a.b'], resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'x.y' }, { address: 'z.y' }] },
      'spec.endpoints',
      'contradicting-fields',
    ],
    [
      'endpoints beside a selector',
      {
        hosts: ['a.b'],
        resolution: 'STATIC',
        endpoints: [{ address: '192.0.2.1' }],
        workloadSelector: { labels: { a: 'b' } },
      },
      'spec.workloadSelector',
      'contradicting-fields',
    ],
    ['an address', { hosts: ['a.b'], addresses: ['10.0.0.0/99'] }, 'spec.addresses[0]', 'invalid-address'],
    [
      'a block with DNS',
      { hosts: ['a.b'], addresses: ['10.0.0.0/8'], resolution: 'DNS' },
      'spec.addresses',
      'contradicting-fields',
    ],
    ['a wrong export', { hosts: ['a.b'], exportTo: ['A'] }, 'spec.exportTo', 'invalid-export'],
    ['a field that it does not have', { hosts: ['a.b'], colour: 'red' }, 'spec.colour', 'unknown-field'],
  ])('%s', (_name, spec, field, code) => {
    const { problems } = syncedCluster([entry('one', spec)]).status();
    expect(problems.map((problem) => `${problem.code} ${problem.field ?? ''}`)).toContain(`${code} ${field}`);
    expect(meshOf([entry('one', spec)]).store.snapshot.services.size).toBe(0);
  });
});

describe('the endpoints of a host', () => {
  it('are those that are listed, with their own ports, labels and identity', () => {
    const spec = {
      hosts: ['api.example.com', 'api2.example.com'],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      ports: [{ ...https, targetPort: 8443 }],
      endpoints: [
        { address: '192.0.2.2', ports: { https: 9443 }, labels: { version: 'v1' }, locality: 'r/z', weight: 5 },
        { address: '192.0.2.1', serviceAccount: 'billing', network: 'vm-net' },
      ],
    };
    const { endpoints, services } = meshOf([entry('one', spec)]).store.snapshot;
    expect([...services.keys()].toSorted()).toEqual(['api.example.com', 'api2.example.com']);
    expect(endpoints.get(api)).toMatchObject([
      {
        address: '192.0.2.1',
        ports: { https: 8443 },
        tlsMode: 'istio',
        network: 'vm-net',
        workload: { serviceAccount: 'billing' },
      },
      {
        address: '192.0.2.2',
        ports: { https: 9443 },
        tlsMode: 'disabled',
        anyNetwork: true,
        weight: 5,
        labels: { version: 'v1' },
      },
    ]);
  });

  it('are the host itself when it is looked up and none are listed', () => {
    const { endpoints } = meshOf([entry('one', { hosts: ['api.example.com'], resolution: 'DNS' })]).store.snapshot;
    expect(endpoints.get(api)).toMatchObject([{ address: 'api.example.com', ports: { https: 443 }, anyNetwork: true }]);
  });

  it('are the Pods and WorkloadEntries of its namespace that it selects, as long as they have the labels', () => {
    const pod = podManifest('web', '10.0.0.9', 'web');
    const machine = policyManifest('WorkloadEntry', 'vm', {
      address: '192.0.2.7',
      labels: { app: 'web' },
      ports: { https: 1443 },
    });
    const named = policyManifest('WorkloadEntry', 'named', { address: 'vm.example.com', labels: { app: 'web' } });
    const spec = {
      hosts: ['api.example.com'],
      resolution: 'STATIC',
      location: 'MESH_INTERNAL',
      workloadSelector: { labels: { app: 'web' } },
    };
    const { store, cluster } = meshOf([entry('one', spec), pod, machine, named]);
    const found = () =>
      store.snapshot.endpoints.get(api)?.map(({ address, ports }) => `${address} ${ports['https'] ?? ''}`);
    expect(found()).toEqual(['10.0.0.9 443', '192.0.2.7 1443']);
    cluster.fold([deleted('Pod', 'web')]);
    store.flush();
    expect(found()).toEqual(['192.0.2.7 1443']);
    cluster.fold([changed(entry('one', { ...spec, resolution: 'DNS' }))]);
    store.flush();
    expect(found()).toEqual(['192.0.2.7 1443', 'vm.example.com 443']);
    cluster.fold([deleted('ServiceEntry', 'one')]);
    store.flush();
    expect(store.snapshot.services.has(api)).toBe(false);
    expect(found()).toBeUndefined();
  });

  it('outside the mesh have no mesh identity, whatever they declare', () => {
    const spec = {
      hosts: ['api.example.com'],
      resolution: 'STATIC',
      endpoints: [{ address: '192.0.2.1', serviceAccount: 'a' }],
    };
    expect(meshOf([entry('one', spec)]).store.snapshot.endpoints.get(api)).toMatchObject([{ tlsMode: 'disabled' }]);
  });

  it('leave out a machine whose condition Healthy is false', () => {
    const machine = policyManifest('WorkloadEntry', 'vm', { address: '192.0.2.7', labels: { app: 'web' } });
    const unhealthy = { ...machine, status: { conditions: [{ type: 'Healthy', status: 'False' }] } };
    const spec = { hosts: ['api.example.com'], resolution: 'STATIC', workloadSelector: { labels: { app: 'web' } } };
    expect(meshOf([entry('one', spec), unhealthy]).store.snapshot.endpoints.get(api)).toMatchObject([
      { health: 'unhealthy' },
    ]);
  });
});

describe('a host that several declare', () => {
  const host = 'one.sample.svc.cluster.local';
  const spec = { hosts: [host], resolution: 'STATIC', endpoints: [{ address: '192.0.2.1' }] };

  it.each([
    ['its own cluster', [serviceManifest('one'), sliceManifest('a', 'one', ['10.0.0.1'])], []],
    ['another cluster', [], [serviceManifest('one'), sliceManifest('a', 'one', ['10.0.0.1'])]],
  ])('is the Service of %s, and a finding says so', (_name, own, remote) => {
    const { store } = meshOf([entry('outside', spec), ...own], remote);
    expect(store.snapshot.services.get(hostname(host))).toMatchObject({ name: 'one' });
    expect(store.snapshot.endpoints.get(hostname(host))).toMatchObject([{ address: '10.0.0.1' }]);
    expect(store.serviceEntryFindings()).toMatchObject([
      { code: 'conflicting-host', object: 'ServiceEntry/sample/outside' },
    ]);
  });

  it('is the ServiceEntry’s again when the Service goes', () => {
    const { store, cluster } = meshOf([entry('outside', spec), serviceManifest('one')]);
    cluster.fold([deleted('Service', 'one')]);
    store.flush();
    expect(store.snapshot.services.get(hostname(host))?.entry?.source).toBe('ServiceEntry/sample/outside');
    expect(store.serviceEntryFindings()).toEqual([]);
  });

  it('is in each namespace that of its own ServiceEntry, of two that can’t be joined the older', () => {
    const at = (namespace: string, name: string, createdAt: string): Manifest => {
      const declared = { ...spec, hosts: ['api.example.com'], ports: [https] };
      return policyManifest('ServiceEntry', name, declared, { namespace, createdAt });
    };
    const { store } = meshOf([
      {
        ...at('shop', 'young', '2026-02-01T00:00:00Z'),
        spec: { hosts: ['api.example.com'], ports: [https], resolution: 'DNS' },
      },
      at('shop', 'old', '2026-01-01T00:00:00Z'),
      at('bank', 'own', '2026-01-02T00:00:00Z'),
    ]);
    const merged: MeshService | undefined = store.snapshot.services.get(api);
    expect(merged?.entry?.source).toBe('ServiceEntry/shop/old');
    expect(merged?.others?.map((other) => other.entry?.source)).toEqual(['ServiceEntry/bank/own']);
    expect(store.serviceEntryFindings()).toMatchObject([
      { object: 'ServiceEntry/shop/young', field: 'spec.resolution' },
    ]);
  });

  describe('in one namespace', () => {
    const young = { createdAt: '2026-02-01T00:00:00Z' };
    const static_ = (address: string, ports: readonly object[], more: object = {}) => {
      return { hosts: ['api.example.com'], resolution: 'STATIC', endpoints: [{ address }], ports, ...more };
    };
    const joined = (first: Readonly<Record<string, unknown>>, second: Readonly<Record<string, unknown>>) => {
      const { store } = meshOf([
        policyManifest('ServiceEntry', 'young', second, young),
        policyManifest('ServiceEntry', 'old', first, { createdAt: '2026-01-01T00:00:00Z' }),
      ]);
      const { services, endpoints } = store.snapshot;
      return { service: services.get(api), endpoints: endpoints.get(api), findings: store.serviceEntryFindings() };
    };
    const http = { number: 80, name: 'http', protocol: 'HTTP' };

    it('has the ports of all, and behind each port the endpoints of those that declare it', () => {
      const { service, endpoints, findings } = joined(
        static_('192.0.2.1', [https]),
        static_('192.0.2.2', [https, http]),
      );
      expect(service?.ports.map(({ port }) => port)).toEqual([80, 443]);
      expect(service?.entry).toMatchObject({
        source: 'ServiceEntry/sample/old',
        mergedFrom: ['ServiceEntry/sample/young'],
      });
      expect(endpoints?.map(({ address, ports }) => [address, ports])).toEqual([
        ['192.0.2.1', { https: 443 }],
        ['192.0.2.2', { https: 443, http: 80 }],
      ]);
      expect(findings).toEqual([]);
    });

    it('has an endpoint once that several declare', () => {
      const { endpoints } = joined(static_('192.0.2.1', [https]), static_('192.0.2.1', [https, http]));
      expect(endpoints?.map(({ ports }) => ports)).toEqual([{ http: 80 }, { https: 443 }]);
    });

    it('has the port’s older name; a taken name gives another port a new one', () => {
      const { service, endpoints } = joined(
        static_('192.0.2.1', [https]),
        static_('192.0.2.2', [
          { ...https, name: 'tls' },
          { ...https, number: 8443 },
        ]),
      );
      expect(service?.ports).toMatchObject([
        { port: 443, name: 'https' },
        { port: 8443, name: 'https-8443' },
      ]);
      expect(endpoints?.[1]?.ports).toEqual({ https: 443, 'https-8443': 8443 });
    });

    it.each([
      ['addresses', { addresses: ['192.0.2.9'] }, 'spec.addresses'],
      ['location', { location: 'MESH_INTERNAL' }, 'spec.location'],
      ['names of certificates', { subjectAltNames: ['api'] }, 'spec.subjectAltNames'],
      ['protocol of a port', { ports: [{ ...https, protocol: 'HTTP' }] }, 'spec.ports[0].protocol'],
      ['resolution', { resolution: 'DNS' }, 'spec.resolution'],
      ['exportTo', { exportTo: ['.'] }, 'spec.exportTo'],
    ])('is what the oldest says of its %s, and a finding tells the younger', (_name, more, field) => {
      const old = static_('192.0.2.1', [https]);
      const { service, endpoints, findings } = joined(old, static_('192.0.2.2', [https], more));
      expect(service).toEqual({ ...joined(old, static_('192.0.2.2', [https])).service, entry: service?.entry });
      expect(findings).toMatchObject([{ code: 'conflicting-host', object: 'ServiceEntry/sample/young', field }]);
      const joins = ['spec.addresses', 'spec.location', 'spec.subjectAltNames'].includes(field);
      expect(endpoints?.length).toBe(joins ? 2 : 1);
    });

    it('is whole again when one of them goes', () => {
      const { store, cluster } = meshOf([
        policyManifest('ServiceEntry', 'old', static_('192.0.2.1', [https]), { createdAt: '2026-01-01T00:00:00Z' }),
        policyManifest('ServiceEntry', 'young', static_('192.0.2.2', [http]), young),
      ]);
      expect(store.snapshot.endpoints.get(api)).toHaveLength(2);
      cluster.fold([deleted('ServiceEntry', 'old')]);
      store.flush();
      expect(store.snapshot.services.get(api)?.ports).toMatchObject([{ port: 80 }]);
      expect(store.snapshot.endpoints.get(api)).toMatchObject([{ address: '192.0.2.2' }]);
    });
  });

  it('of a remote’s ServiceEntry is nobody’s', () => {
    expect(meshOf([], [entry('outside', spec)]).store.snapshot.services.size).toBe(0);
  });
});

describe('an address of the mesh’s own', () => {
  it.each([
    ['is given to a host without any', { resolution: 'DNS' }, 2],
    ['is not given where the caller’s own address counts', { resolution: 'NONE' }, 0],
    ['is not given to a host with addresses', { resolution: 'DNS', addresses: ['192.0.2.9'] }, 0],
    ['is not given to a pattern', { hosts: ['*.example.com'], resolution: 'DNS', endpoints: [{ address: 'x.y' }] }, 0],
  ])('%s', (_name, spec, count) => {
    const { services } = meshOf([entry('one', { hosts: ['api.example.com'], ...spec })]).store.snapshot;
    expect([...services.values()].map(({ allocatedAddresses }) => allocatedAddresses.length)).toEqual([count]);
  });
});
