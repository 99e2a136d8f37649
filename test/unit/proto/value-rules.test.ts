// What Envoy checks of values: nothing that is generated breaks a rule, and what does is found.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodePlain } from '../../../proto/merge-message.ts';
import { encode } from '../../../proto/codec.ts';
import { extensionNamed } from '../../../proto/extensions.ts';
import { fromJson } from '../../../proto/from-json.ts';
import { findBrokenRule } from '../../../proto/value-rules.ts';
import type { GoldenCase } from '../../golden/golden.ts';
import { generateAll, resourcesOf } from '../../support/generate-all.ts';

const cases = join(import.meta.dirname, '../../golden/cases');

test.each(await readdir(cases))('%s breaks none', async (file) => {
  const { golden } = (await import(join(cases, file))) as { golden: GoldenCase };
  for (const { type, name, message } of resourcesOf(generateAll(golden.proxy, golden.mesh))) {
    const reflected = extensionNamed(type.fullName);
    expect([name, findBrokenRule(reflected, decodePlain(reflected, encode(type, message)))]).toEqual([name, undefined]);
  }
});

const http = 'envoy.extensions.filters.http';

test.each([
  ['envoy.config.cluster.v3.Cluster', {}, 'name is missing'],
  ['envoy.config.cluster.v3.Cluster', { name: 'x', connect_timeout: '0s' }, 'connect_timeout is not more than 0s'],
  [
    'envoy.config.cluster.v3.Cluster',
    { name: 'x', dns_refresh_rate: '0.0001s' },
    'dns_refresh_rate is not more than 0.001s',
  ],
  [
    'envoy.config.route.v3.VirtualHost',
    { name: 'x', domains: ['a\nb'] },
    'domains[0] has characters that no header has',
  ],
  [
    'envoy.config.route.v3.Route',
    { match: { prefix: '/' } },
    ' has none of route, redirect, direct_response, filter_action, non_forwarding_action',
  ],
  [
    'envoy.config.route.v3.Route',
    { match: { prefix: '/' }, direct_response: { status: 99 } },
    'direct_response.status is less than 200',
  ],
  [`${http}.buffer.v3.Buffer`, { max_request_bytes: 0 }, 'max_request_bytes is not more than 0'],
  [
    `${http}.grpc_json_transcoder.v3.GrpcJsonTranscoder`,
    { services: ['x'] },
    ' has none of proto_descriptor, proto_descriptor_bin',
  ],
  ['envoy.type.matcher.v3.RegexMatcher', { regex: '(?=x)' }, 'regex is no regular expression of RE2'],
  [
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
    { name: 'x', typed_config: { '@type': `type.googleapis.com/${http}.buffer.v3.Buffer` } },
    'typed_config.max_request_bytes is missing',
  ],
])('%s %j', (name, json, words) => {
  const type = extensionNamed(name);
  const { value } = fromJson(type, json);
  const broken = findBrokenRule(type, value);
  const said = broken === undefined ? '' : `${broken.path} ${broken.message}`;
  expect(said.slice(0, words.length)).toBe(words);
});
