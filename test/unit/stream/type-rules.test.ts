import { expect, test } from 'vitest';
import { isKnownType, routeConfigurationOf, ruleOf, typeUrls } from '../../../server/stream/type-rules.ts';

test('a change reaches the client as clusters, endpoints, listeners, routes, virtual hosts, then the rest', () => {
  const { cluster, endpoint, listener, route, virtualHost, secret } = typeUrls;
  const shuffled = [secret, virtualHost, route, cluster, 'type.googleapis.com/x.Y', listener, endpoint];
  expect(shuffled.toSorted((one, other) => ruleOf(one).rank - ruleOf(other).rank)).toEqual([
    cluster,
    endpoint,
    listener,
    route,
    virtualHost,
    secret,
    'type.googleapis.com/x.Y',
  ]);
});

test('only clusters and listeners are complete in every state-of-the-world response', () => {
  const complete = Object.values(typeUrls).filter((typeUrl) => ruleOf(typeUrl).completeInSotw);
  expect(complete).toEqual([typeUrls.cluster, typeUrls.listener]);
});

test("types outside Envoy's API are wildcards by rule, named types of Envoy's are not", () => {
  expect(ruleOf('type.googleapis.com/istio.workload.Workload').legacyWildcard).toBe(true);
  expect(ruleOf(typeUrls.endpoint).legacyWildcard).toBe(false);
  expect(isKnownType('type.googleapis.com/istio.workload.Workload')).toBe(false);
});

test.each([
  ['8080/helloworld:5000', '8080'],
  ['a/b/host', 'a/b'],
  ['host', ''],
])('virtual host %s belongs to route configuration %j', (name, expected) => {
  expect(routeConfigurationOf(name)).toBe(expected);
});
