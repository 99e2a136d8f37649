// Real Envoy messages that carry a label of the test's choice, so that a test can speak of "cluster a in state 2".

import { encodeResource } from '../../server/cache/encode-resource.ts';
import type { EncodedResource } from '../../server/cache/encoded-resource.ts';
import { decode } from '../../proto/codec.ts';
import { Cluster } from '../../proto/generated/envoy.config.cluster.v3.ts';
import { ClusterLoadAssignment } from '../../proto/generated/envoy.config.endpoint.v3.ts';
import { Listener } from '../../proto/generated/envoy.config.listener.v3.ts';
import { RouteConfiguration, VirtualHost } from '../../proto/generated/envoy.config.route.v3.ts';
import { Secret } from '../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import { type MessageType } from '../../proto/message-type.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';

interface Labelling<T> {
  readonly type: MessageType<T>;
  readonly make: (name: string, label: string) => T;
  readonly read: (message: T) => readonly [string | undefined, string | undefined];
}

const labelling = <T>(entry: Labelling<T>): Labelling<never> => entry as unknown as Labelling<never>;

const labellings: readonly Labelling<never>[] = [
  labelling<Cluster>({
    type: Cluster,
    make: (name, label) => ({ name, altStatName: label }),
    read: (message) => [message.name, message.altStatName],
  }),
  labelling<ClusterLoadAssignment>({
    type: ClusterLoadAssignment,
    make: (clusterName, zone) => ({ clusterName, endpoints: [{ locality: { zone } }] }),
    read: (message) => [message.clusterName, message.endpoints?.[0]?.locality?.zone],
  }),
  labelling<Listener>({
    type: Listener,
    make: (name, statPrefix) => ({ name, statPrefix }),
    read: (message) => [message.name, message.statPrefix],
  }),
  labelling<RouteConfiguration>({
    type: RouteConfiguration,
    make: (name, label) => ({ name, virtualHosts: [{ name: label, domains: ['*'] }] }),
    read: (message) => [message.name, message.virtualHosts?.[0]?.name],
  }),
  labelling<VirtualHost>({
    type: VirtualHost,
    make: (name, label) => ({ name, domains: [label] }),
    read: (message) => [message.name, message.domains?.[0]],
  }),
  labelling<Secret>({
    type: Secret,
    make: (name, inlineString) => ({ name, genericSecret: { secret: { inlineString } } }),
    read: (message) => [message.name, message.genericSecret?.secret?.inlineString],
  }),
  labelling<NameTable>({
    type: NameTable,
    make: (name, label) => ({ table: { [name]: { namespace: label } } }),
    read: (message) => {
      const [name, info] = Object.entries(message.table ?? {})[0] ?? [];
      return [name, info?.namespace];
    },
  }),
];

/** A resource of that type and name. */
export function encodeLabelled(typeUrl: string, name: string, label: string): EncodedResource {
  const { type, make } = labellingOf(typeUrl);
  return encodeResource({ type, name, message: make(name, label), sources: [] });
}

/** Name and label in the bytes. */
export function readLabelled(typeUrl: string, bytes: Uint8Array): readonly [string, string] {
  const { type, read } = labellingOf(typeUrl);
  const [name = '', label = ''] = read(decode(type, bytes));
  return [name, label];
}

function labellingOf(typeUrl: string): Labelling<never> {
  const found = labellings.find((entry) => entry.type.typeUrl === typeUrl);
  if (found === undefined) throw new Error(`no labels for ${typeUrl}`);
  return found;
}
