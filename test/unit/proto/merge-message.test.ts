// Merging, as protobuf has it and where it is otherwise.

import { expect, test } from 'vitest';
import { extensionNamed } from '../../../proto/extensions.ts';
import { fromJson, type PlainMessage } from '../../../proto/from-json.ts';
import { decodeJson, type JsonValue } from '../../../proto/json.ts';
import { mergeMessage } from '../../../proto/merge-message.ts';

const route = extensionNamed('envoy.config.route.v3.Route');
const filter = extensionNamed('envoy.config.listener.v3.Filter');
const manager = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function merge(type: typeof route, into: object, from: object, lists: 'join' | 'replace' = 'join'): JsonValue {
  const read = (json: object): PlainMessage => {
    const { value, mistakes } = fromJson(type, json);
    expect(mistakes).toEqual([]);
    return value;
  };
  const before = read(into);
  const copy = JSON.stringify(before);
  const merged = mergeMessage(type, before, read(from), { lists });
  expect(JSON.stringify(before)).toBe(copy);
  return decodeJson(type.fullName.slice(1), type.encode(merged).finish());
}

test('lists are joined, or replaced when that is asked for', () => {
  const one = { request_headers_to_remove: ['a'] };
  const two = { request_headers_to_remove: ['b'] };
  expect(merge(route, one, two)).toEqual({ requestHeadersToRemove: ['a', 'b'] });
  expect(merge(route, one, two, 'replace')).toEqual({ requestHeadersToRemove: ['b'] });
});

test('messages merge, durations and wrappers are replaced, also by what is zero or false', () => {
  const before = { route: { cluster: 'x', timeout: '5.5s', auto_host_rewrite: true } };
  expect(merge(route, before, { route: { timeout: '3s', auto_host_rewrite: false } })).toEqual({
    route: { cluster: 'x', timeout: '3s', autoHostRewrite: false },
  });
  expect(merge(route, before, { route: { timeout: '0s' } })).toMatchObject({ route: { timeout: '0s' } });
});

test('another member of a oneof takes the place of the first', () => {
  expect(merge(route, { route: { cluster: 'x' } }, { redirect: { host_redirect: 'y' } })).toEqual({
    redirect: { hostRedirect: 'y' },
  });
});

test('an entry of a map takes the place of that of its key', () => {
  const header = (key: string) => ({ '@type': 'type.googleapis.com/envoy.config.core.v3.HeaderValue', key });
  expect(
    merge(
      route,
      { typed_per_filter_config: { a: header('1'), b: header('2') } },
      { typed_per_filter_config: { b: header('3') } },
    ),
  ).toEqual({ typedPerFilterConfig: { a: header('1'), b: header('3') } });
});

test('an Any is merged with one of its type, whatever is written there, and replaced by another', () => {
  const before = {
    name: 'x',
    typed_config: { '@type': manager, stat_prefix: 'a', merge_slashes: true, xff_num_trusted_hops: 2 },
  };
  expect(merge(filter, before, { typed_config: { '@type': manager, merge_slashes: false, server_name: 'b' } })).toEqual(
    {
      name: 'x',
      typedConfig: { '@type': manager, statPrefix: 'a', xffNumTrustedHops: 2, serverName: 'b' },
    },
  );
  const echo = 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo';
  expect(merge(filter, before, { typed_config: { '@type': echo } })).toEqual({
    name: 'x',
    typedConfig: { '@type': echo },
  });
});
