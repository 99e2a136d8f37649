// The node of Envoy's bootstrap, which is JSON, as the message that a stream begins with. Pure.

import type { Node } from '../../proto/generated/envoy.config.core.v3.ts';
import type { Value } from '../../proto/generated/google.protobuf.ts';
import type { BootstrapNode } from './node.ts';

export function nodeMessage({ id, cluster, locality, metadata }: BootstrapNode): Node {
  const { structValue = {} } = valueOf(metadata);
  return { id, cluster, metadata: structValue, ...(locality === undefined ? {} : { locality }) };
}

/** `google.protobuf.Value` of anything that JSON can hold. */
function valueOf(json: unknown): Value {
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(valueOf) } };
  if (typeof json !== 'object' || json === null) return { nullValue: 0 };
  return {
    structValue: { fields: Object.fromEntries(Object.entries(json).map(([name, one]) => [name, valueOf(one)])) },
  };
}
