// What declared configuration becomes, and that nothing in it is ignored silently.

import { describe, expect, it } from 'vitest';
import { convertPolicy } from '../../../discovery/policy/convert-policy.ts';
import type { Policy } from '../../../discovery/model/policy.ts';
import { objectOf, policyManifest } from '../../support/kube-objects.ts';
import { clientTls } from '../../support/mesh-model.ts';

const convert = (kind: string, spec: unknown) => {
  const conversion = convertPolicy(objectOf(policyManifest(kind, 'it', spec)), { domain: 'cluster.local' });
  if (conversion === undefined) throw new Error(`${kind} is no policy`);
  return conversion;
};
const policy = (kind: string, spec: unknown): Policy => {
  const { value, problems } = convert(kind, spec);
  if (value === undefined) throw new Error(JSON.stringify(problems));
  return value;
};
const rule = (extra: object) => ({ host: 'one', ...extra });
const server = {
  port: { number: 15_443, name: 'tls', protocol: 'TLS' },
  hosts: ['*.local'],
  tls: { mode: 'AUTO_PASSTHROUGH' },
};

describe('a DestinationRule', () => {
  it('has subsets, a load balancer, a TLS mode and overrides by port', () => {
    const it = policy(
      'DestinationRule',
      rule({
        trafficPolicy: {
          loadBalancer: { simple: 'LEAST_REQUEST' },
          connectionPool: { tcp: { connectTimeout: '2s' } },
          portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }],
        },
        subsets: [
          { name: 'v1', labels: { version: 'v1' }, trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' } } },
        ],
        exportTo: ['.'],
      }),
    );
    expect(it).toMatchObject({
      host: 'one.sample.svc.cluster.local',
      exportTo: ['.'],
      trafficPolicy: { loadBalancer: { algorithm: 'least-request' }, connectionPool: { connectTimeoutMs: 2_000 } },
      portPolicies: new Map([[80, { tls: clientTls('disable') }]]),
      subsets: [
        { name: 'v1', labels: { version: 'v1' }, trafficPolicy: { loadBalancer: { algorithm: 'round-robin' } } },
      ],
    });
  });
});

describe('a PeerAuthentication', () => {
  it('has a mode, and modes by workload port', () => {
    const spec = {
      selector: { matchLabels: { app: 'one' } },
      mtls: { mode: 'STRICT' },
      portLevelMtls: { '8080': { mode: 'DISABLE' } },
    };
    expect(policy('PeerAuthentication', spec)).toMatchObject({
      selector: { app: 'one' },
      mode: 'strict',
      portModes: new Map([[8080, 'disable']]),
    });
  });

  it('without a mode inherits it', () => {
    expect(policy('PeerAuthentication', { mtls: { mode: 'UNSET' } })).not.toHaveProperty('mode');
    expect(policy('PeerAuthentication', {})).not.toHaveProperty('mode');
  });
});

describe('a Gateway', () => {
  it('passes TLS between networks', () => {
    expect(policy('Gateway', { selector: { istio: 'eastwestgateway' }, servers: [server] })).toMatchObject({
      selector: { istio: 'eastwestgateway' },
      servers: [{ port: 15_443, name: 'tls', protocol: 'tls', hosts: ['*.local'], tlsMode: 'auto-passthrough' }],
    });
  });

  it('serves plain HTTP', () => {
    const http = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*.example.com'] };
    expect(policy('Gateway', { selector: { istio: 'ingressgateway' }, servers: [http] })).toMatchObject({
      servers: [{ port: 80, protocol: 'http', hosts: ['*.example.com'] }],
    });
  });
});

describe('configuration that can not be obeyed', () => {
  it.each<[string, unknown, string, string]>([
    ['DestinationRule', {}, 'spec.host', 'missing-field'],
    ['DestinationRule', rule({ subsets: [{ name: 'a' }, { name: 'a' }] }), 'spec.subsets[1].name', 'duplicate-subset'],
    ['DestinationRule', rule({ subsets: [{ name: 'a|b' }] }), 'spec.subsets[0].name', 'invalid-name'],
    [
      'DestinationRule',
      rule({ trafficPolicy: { loadBalancer: { simple: 'FASTEST' } } }),
      'spec.trafficPolicy.loadBalancer.simple',
      'invalid-value',
    ],
    ['DestinationRule', rule({ exportTo: ['A'] }), 'spec.exportTo', 'invalid-export'],
    ['PeerAuthentication', { mtls: { mode: 'MAYBE' } }, 'spec.mtls.mode', 'invalid-value'],
    ['PeerAuthentication', { portLevelMtls: { '80': { mode: 'STRICT' } } }, 'spec.selector', 'missing-field'],
    [
      'PeerAuthentication',
      { selector: { matchLabels: { a: 'b' } }, portLevelMtls: { http: { mode: 'STRICT' } } },
      'spec.portLevelMtls.http',
      'invalid-port',
    ],
    ['Gateway', { servers: [server] }, 'spec.selector', 'missing-field'],
    [
      'Gateway',
      { selector: { a: 'b' }, servers: [{ ...server, tls: { mode: 'SIMPLE' } }] },
      'spec.servers[0].tls.credentialName',
      'missing-field',
    ],
    [
      'Gateway',
      { selector: { a: 'b' }, servers: [{ ...server, port: { number: 80, protocol: 'QUIC' } }] },
      'spec.servers[0].port.protocol',
      'invalid-value',
    ],
    [
      'Gateway',
      { selector: { a: 'b' }, servers: [{ ...server, hosts: ['a/b/c'] }] },
      'spec.servers[0].hosts[0]',
      'invalid-host',
    ],
  ])('%s %j is refused at %s', (kind, spec, field, code) => {
    const { value, problems } = convert(kind, spec);
    expect(value).toBeUndefined();
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: 'error', field, code, object: `${kind}/sample/it` }),
    );
    for (const problem of problems) expect(problem.message).toContain('what was good of it before stays');
  });
});
