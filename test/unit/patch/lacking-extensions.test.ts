// A filter that an Envoy was not built with: the patch is left out for that proxy, and for no other.

import { expect, test } from 'vitest';
import { mesh } from '../../support/mesh-model.ts';
import { viewKeysOf } from '../../../server/view/view-key.ts';
import { indexViews } from '../../../server/view/view-index.ts';
import { AnnouncedExtensions } from '../../../server/proxy/announced-extensions.ts';
import type { Proxy } from '../../../server/proxy/proxy.ts';
import { filterOf, generated, httpFilters, webSidecar } from './patch-scene.ts';

const listener = '0.0.0.0_80';
const lua = 'envoy.extensions.filters.http.lua.v3.Lua';
const known = new AnnouncedExtensions();
const built = (...extensions: readonly object[]): Proxy => ({
  ...webSidecar,
  extensions: known.of([{ name: 'envoy.filters.http.router', typeUrls: ['router.Router'] }, ...extensions]),
});
const script = (config: object, name = 'my-script') =>
  filterOf([
    {
      applyTo: 'HTTP_FILTER',
      match: { context: 'SIDECAR_OUTBOUND' },
      patch: { operation: 'ADD', value: { name, typed_config: config } },
    },
  ]);
const typed = script({ '@type': `type.googleapis.com/${lua}`, inline_code: 'function envoy_on_request(h) end' });
const struct = script({
  '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
  type_url: 'type.googleapis.com/some.newer.Filter',
});

test('a patch with a filter that the proxy does not have is left out, and said', () => {
  const made = generated(built(), typed);
  expect(httpFilters(made, listener)).not.toContain('my-script');
  expect(made.problems.find(({ code }) => code === 'patch-left-out')?.message).toContain(
    `(it was built without the extension that takes ${lua})`,
  );
  expect(
    httpFilters(generated(built({ name: 'lua', typeUrls: [lua], disabled: true }), typed), listener),
  ).not.toContain('my-script');
  expect(httpFilters(generated(built(), struct), listener)).not.toContain('my-script');
});

test.each([
  ['that has the type', built({ name: 'envoy.filters.http.lua', typeUrls: [lua, `${lua}PerRoute`] }), typed],
  ['that has the type of a struct', built({ name: 'newer', typeUrls: ['some.newer.Filter'] }), struct],
  ['that has the name alone', built({ name: 'my-script' }), typed],
  ['that says nothing of types', { ...webSidecar, extensions: known.of([{ name: 'other' }]) }, typed],
  ['that says nothing', webSidecar, typed],
])('a proxy %s is sent the filter', (_what, proxy, policy) => {
  const made = generated(proxy, policy);
  expect(httpFilters(made, listener)).toContain('my-script');
  expect(made.problems).toEqual([]);
});

test('proxies that have it and proxies that lack it are of different classes, while a patch needs it', () => {
  const keyOf = (proxy: Proxy, policies: readonly (typeof typed)[]): string => {
    const of = mesh({ policies });
    return viewKeysOf(proxy, of, indexViews(of)).outbound;
  };
  const [has, lacks] = [built({ name: 'lua', typeUrls: [lua] }), built()];
  expect(keyOf(has, [typed])).not.toBe(keyOf(lacks, [typed]));
  expect(keyOf(has, [])).toBe(keyOf(lacks, []));
});

test('nodes with the same list share one set', () => {
  const list = [{ name: 'lua', typeUrls: [lua] }];
  expect(known.of(structuredClone(list))).toBe(known.of(list));
  expect(
    known.of([{ name: 'lua', typeUrls: Array.from({ length: 10_000 }, (_, index) => `t${index}`) }]),
  ).toBeUndefined();
});
