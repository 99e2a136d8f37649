// What Envoy 1.40 gives values to in CEL, and which names of an expression are none of it. In: the nodes of an expression. Out: the
// names without a value, which is no error: their result is empty.
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes

import type { ASTNode } from '@marcbachmann/cel-js';
import { nearestName } from '../convert/nearest-name.ts';

const certificates =
  'tls_version subject_local_certificate subject_peer_certificate dns_san_local_certificate dns_san_peer_certificate ' +
  'uri_san_local_certificate uri_san_peer_certificate sha256_peer_certificate_digest peer_certificate';

/** Names within each; undefined: they are not Envoy's own. */
const attributes: ReadonlyMap<string, ReadonlySet<string> | undefined> = new Map([
  [
    'request',
    words(
      'path url_path host scheme method headers headers_bytes referer useragent time id protocol query duration size total_size',
    ),
  ],
  [
    'response',
    words('code code_details flags grpc_status headers headers_bytes trailers size total_size backend_latency'),
  ],
  ['connection', words(`id mtls requested_server_name transport_failure_reason termination_details ${certificates}`)],
  [
    'upstream',
    words(
      'address port num_endpoints local_address transport_failure_reason locality request_attempt_count ' +
        `cx_pool_ready_duration ${certificates}`,
    ),
  ],
  ['source', words('address port')],
  ['destination', words('address port')],
  ['metadata', undefined],
  ['filter_state', undefined],
  ['upstream_filter_state', undefined],
  [
    'xds',
    words(
      'node cluster_name cluster_metadata listener_direction listener_metadata filter_chain_name route_name route_metadata ' +
        'virtual_host_name virtual_host_metadata upstream_host_metadata upstream_host_locality_metadata',
    ),
  ],
]);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}

/** A sentence for each name, without a full stop. */
export function unknownAttributes(nodes: readonly ASTNode[]): readonly string[] {
  return [...new Set(nodes.flatMap((node) => unknownAttribute(node) ?? []))];
}

function unknownAttribute(node: ASTNode): string | undefined {
  if (node.op === 'id') return attributes.has(node.args) ? undefined : sentence('', node.args, attributes.keys());
  const [root, name] = rootAndName(node) ?? [];
  const known = root === undefined ? undefined : attributes.get(root);
  if (root === undefined || name === undefined || known === undefined || known.has(name)) return undefined;
  return sentence(`${root}.`, name, known);
}

/** Of `request.path` and `request["path"]`. */
function rootAndName(node: ASTNode): readonly [root: string, name: string] | undefined {
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [object, selector] = node.args;
  if (object.op !== 'id') return undefined;
  const name = typeof selector === 'string' ? selector : selector.op === 'value' ? selector.args : undefined;
  return typeof name === 'string' ? [object.args, name] : undefined;
}

function sentence(before: string, name: string, known: Iterable<string>): string {
  const names = [...known];
  const near = nearestName(name, names);
  const remedy = near === undefined ? `known are ${names.join(', ')}` : `did you mean ${before}${near}?`;
  return `${before}${name} is nothing that a stock Envoy knows, so there the result is empty: ${remedy}`;
}
