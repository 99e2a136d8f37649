// What a gateway announces of the proxies in front of it, in the ProxyConfig that its agent was started with. In: that value of its
// metadata, a structure or JSON in a string. Out: what it says; what is malformed says nothing, so that nobody is trusted for it.

import { FieldReader, isMapping } from '../../discovery/convert/field-reader.ts';
import { Findings } from '../../discovery/convert/findings.ts';
import { readGatewayTopology } from '../../discovery/convert/gateway-topology.ts';
import type { GatewayTopology } from '../../discovery/model/gateway-topology.ts';
import type { Value } from '../../proto/generated/google.protobuf.ts';

export function announcedTopology(config: Value | undefined): GatewayTopology | undefined {
  const announced = config?.stringValue === undefined ? plain(config) : parsed(config.stringValue);
  if (!isMapping(announced)) return undefined;
  const findings = new Findings({
    apiVersion: 'v1',
    kind: 'ProxyConfig',
    metadata: { name: 'announced', namespace: '', labels: {}, annotations: {}, createdAtMs: 0 },
    body: {},
    origin: { place: 'the node of a proxy' },
  });
  const topology = readGatewayTopology(new FieldReader(announced, '', findings));
  return findings.refused ? undefined : topology;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

function plain(value: Value | undefined): unknown {
  if (value?.structValue !== undefined) {
    return Object.fromEntries(
      Object.entries(value.structValue.fields ?? {}).map(([name, field]) => [name, plain(field)]),
    );
  }
  return value?.stringValue ?? value?.numberValue ?? value?.boolValue;
}
