// Expressions that Envoy 1.40 would refuse a whole listener for, and those at the edge of it that it takes. What Envoy does with each was
// seen with `envoy --mode validate`.

import { expect, it } from 'vitest';
import { FieldReader } from '../../../discovery/convert/field-reader.ts';
import { Findings } from '../../../discovery/convert/findings.ts';
import { readCelExpression } from '../../../discovery/policy/cel-expression.ts';
import { objectOf } from '../../support/kube-objects.ts';

const read = (expression: string) => {
  const metadata = { name: 'it', namespace: 'shop' };
  const findings = new Findings(
    objectOf({ apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata, spec: {} }),
  );
  const text = readCelExpression(new FieldReader({ expression }, '', findings), 'expression');
  return { text, isRefused: findings.refused, problems: findings.conclude(text).problems };
};

const nested = (before: string, inner: string, after: string) => (times: number) =>
  before.repeat(times) + inner + after.repeat(times);
const joined = (part: string, by: string) => (times: number) => Array.from({ length: times }, () => part).join(by);

it.each([
  ['brackets', nested('(', 'true', ')'), 30, 33],
  ['lists', nested('[', '', ']'), 30, 33],
  ['choices', nested('true?1:', '1', ''), 30, 32],
  ['calls', nested('size(', '"x"', ')'), 30, 32],
  ['fields', nested('', 'request', '.a'), 30, 32],
  ['sums', joined('1', '+'), 31, 33],
  ['comparisons', joined('1', '=='), 31, 33],
  ['sums in brackets', (times) => `${'('.repeat(15)}${joined('1', '+')(times - 15)}${')'.repeat(15)}`, 30, 33],
] satisfies [string, (times: number) => string, number, number][])(
  '%s are as deep as Envoy reads',
  (_, make, taken, refused) => {
    expect(read(make(taken))).toMatchObject({ text: make(taken), isRefused: false });
    expect(read(make(refused))).toMatchObject({ text: undefined, isRefused: true });
  },
);

it('conditions that are joined are as many as one likes', () => {
  const text = joined('true', '&&')(1000);
  expect(read(text).text).toBe(text);
});

it.each([
  ['sums', joined('1', '+')],
  ['conditions', joined('true', ' && ')],
  ['fields', nested('', 'request', '.a')],
  ['negations', nested('!', 'true', '')],
])('%s beyond all measure end in an answer', (_, make) => {
  const { text, isRefused } = read(make(20_000));
  expect(text === undefined).toBe(isRefused);
});

it.each(['9223372036854775808', '-9223372036854775809', '0xFFFFFFFFFFFFFFFFF > 1'])(
  '%s is too large a number',
  (text) => {
    expect(read(text)).toMatchObject({ text: undefined, isRefused: true });
  },
);

it.each(['9223372036854775807', '-9223372036854775807'])('%s is a number', (text) => {
  expect(read(text).text).toBe(text);
});

it.each([
  ['response.cod >= 500', ['response.cod is', 'did you mean response.code?']],
  ['request["metod"] == "GET"', ['request.metod is', 'did you mean request.method?']],
  ['has(connection.mtsl)', ['connection.mtsl is', 'did you mean connection.mtls?']],
  ['respons.code >= 500', ['respons is', 'did you mean response?']],
  ['source.labels == "a"', ['source.labels is', 'known are address, port.']],
  ['node.id == "a"', ['node is', 'known are request, response']],
])('%s is taken, and it is said which name has no value', (expression, words) => {
  const { text, problems } = read(expression);
  expect(text).toBe(expression);
  expect(problems).toMatchObject([{ severity: 'warning', code: 'unknown-attribute', field: 'expression' }]);
  for (const word of words) expect(problems[0]?.message).toContain(word);
});

it('a name without a value is told once', () => {
  expect(read('response.cod > 1 && response.cod < 5').problems).toHaveLength(1);
});

it.each([
  'request.headers["x-team"] == "a" && request.url_path != "/health" && request.useragent == ""',
  'response.code >= 500 || response.grpc_status > 0 || response.trailers["a"] == "b" || response.code_details == ""',
  'connection.mtls && connection.uri_san_peer_certificate != "" && connection.requested_server_name == ""',
  'upstream.address != "" && upstream.locality.zone == "a" && upstream.request_attempt_count > 1u',
  'source.address == destination.address && source.port > 1',
  'xds.cluster_name == "a" && xds.node.id == "b" && xds.cluster_metadata.filter_metadata["istio"] == "c"',
  'metadata.filter_metadata["a"]["b"] == "c" && filter_state["d"] == "e"',
  'request[filter_state.name] == "a"',
])('%s has only names that Envoy knows', (expression) => {
  expect(read(expression)).toEqual({ text: expression, isRefused: false, problems: [] });
});
