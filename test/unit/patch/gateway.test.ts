// Patches of a gateway's configuration: by the ports, names and Gateways of its servers, and by its virtual hosts.

import { expect, test } from 'vitest';
import { validate } from '../../support/envoy.ts';
import { asBootstrap } from '../../support/generate-all.ts';
import { filterOf, gateway, generated, httpFilters, manager, named, webSidecar } from './patch-scene.ts';

const hsts = {
  applyTo: 'HTTP_FILTER',
  match: {
    context: 'GATEWAY',
    listener: {
      portNumber: 80,
      filterChain: { filter: { name: manager, subFilter: { name: 'envoy.filters.http.router' } } },
    },
  },
  patch: {
    operation: 'INSERT_BEFORE',
    value: {
      name: 'envoy.lua',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
        inlineCode:
          'function envoy_on_response(handle) handle:headers():replace("strict-transport-security", "max-age=31536000") end',
      },
    },
  },
};

const ofRoutes = (routeConfiguration: object) => ({
  applyTo: 'VIRTUAL_HOST',
  match: { context: 'GATEWAY', routeConfiguration },
  patch: { operation: 'MERGE', value: { request_headers_to_add: [{ header: { key: 'x-patched', value: 'yes' } }] } },
});

/** Virtual hosts that have the header. */
const patchedBy = (routeConfiguration: object): readonly string[] =>
  [...named(generated(gateway, filterOf([ofRoutes(routeConfiguration)])), 'virtualHosts')].flatMap(([name, host]) =>
    JSON.stringify(host).includes('x-patched') ? [name] : [],
  );

test('a script for one port is at the listener of that port, and at no sidecar', async () => {
  const made = generated(gateway, filterOf([hsts]));
  expect(httpFilters(made, '0.0.0.0_80')).toContain('envoy.lua');
  expect(httpFilters(made, '0.0.0.0_8443')).not.toContain('envoy.lua');
  expect(httpFilters(generated(webSidecar, filterOf([hsts])), '0.0.0.0_80')).not.toContain('envoy.lua');
  expect(await validate(asBootstrap(made))).toEqual({ kind: 'accepted' });
}, 60_000);

test.each<[string, object, readonly string[]]>([
  ['a port', { portNumber: 8443 }, ['http.8443/other.example.com:8443']],
  ['the name of a port', { portName: 'web' }, ['http.80/shop.example.com:80']],
  ['a Gateway', { gateway: 'default/edge', portNumber: 80 }, ['http.80/shop.example.com:80']],
  ['another Gateway', { gateway: 'default/other' }, []],
  ['a route configuration', { name: 'http.8443' }, ['http.8443/other.example.com:8443']],
  ['a virtual host', { vhost: { name: 'shop.example.com:80' } }, ['http.80/shop.example.com:80']],
])('virtual hosts are found by %s', (_, match, expected) => {
  expect(patchedBy(match)).toEqual(expected);
});
