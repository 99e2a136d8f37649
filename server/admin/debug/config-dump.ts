// `config_dump?proxyID=` and `edsz?proxyID=`: what a connected proxy is served, in the shape of Envoy's own
// `/config_dump` (envoy.admin.v3.ConfigDump), so that the two can be compared.

import { decodeJson, type JsonValue } from '../../../proto/json.ts';
import { compareText } from '../../../discovery/model/network-gateway.ts';
import type { EncodedResource } from '../../cache/encoded-resource.ts';
import { shortTypeName } from '../proxy-status.ts';
import { document, refused, type DebugAnswer, type DebugPage } from './debug-page.ts';
import type { InstanceReader } from '../instance-reader.ts';

export const configDump: DebugPage = {
  name: 'config_dump',
  help: 'What the proxy ?proxyID=NAME.NAMESPACE is served, as Envoy dumps it',
  render: (reader, query) => withDump(reader, query, (dump) => ({ configs: dumpSections(dump) })),
};

export const edsz: DebugPage = {
  name: 'edsz',
  help: 'Endpoint assignments that the proxy ?proxyID=NAME.NAMESPACE is served',
  render: (reader, query) =>
    withDump(reader, query, (dump) =>
      [...dump.values()]
        .flat()
        .filter((resource) => shortTypeName(resource.typeUrl) === 'eds')
        .toSorted((a, b) => compareText(a.name, b.name))
        .map((resource) => decodeJson(resource.typeUrl, resource.body)),
    ),
};

export const ndsz: DebugPage = {
  name: 'ndsz',
  help: 'Names that the DNS proxy of ?proxyID=NAME.NAMESPACE answers for',
  render: (reader, query) => {
    const proxyId = query.get('proxyID') ?? '';
    if (proxyId === '') return missingProxy();
    const table = reader.nameTable(proxyId);
    return table === undefined ? unknownProxy(proxyId) : document(decodeJson(table.typeUrl, table.body));
  },
};

type Dump = ReadonlyMap<string, readonly EncodedResource[]>;

function withDump(reader: InstanceReader, query: URLSearchParams, render: (dump: Dump) => unknown): DebugAnswer {
  const proxyId = query.get('proxyID') ?? '';
  if (proxyId === '') return missingProxy();
  const dump = reader.configDump(proxyId);
  return dump === undefined ? unknownProxy(proxyId) : document(render(dump));
}

function missingProxy(): DebugAnswer {
  return refused(400, 'Add ?proxyID=NAME.NAMESPACE; /debug/syncz lists the proxies.');
}

function unknownProxy(proxyId: string): DebugAnswer {
  return refused(404, `No proxy ${proxyId} is connected to this instance; /debug/syncz lists those that are.`);
}

interface Section {
  readonly type: string;
  readonly list: string;
  /** How one resource stands in the list. */
  readonly entry: (resource: EncodedResource, body: JsonValue) => unknown;
}

/** In the order of Envoy's own dump. */
const sections: readonly (readonly [string, Section])[] = [
  [
    'cds',
    {
      type: 'ClustersConfigDump',
      list: 'dynamic_active_clusters',
      entry: ({ version }, body) => ({ version_info: version, cluster: body }),
    },
  ],
  [
    'lds',
    {
      type: 'ListenersConfigDump',
      list: 'dynamic_listeners',
      entry: ({ name, version }, body) => ({ name, active_state: { version_info: version, listener: body } }),
    },
  ],
  [
    'rds',
    {
      type: 'RoutesConfigDump',
      list: 'dynamic_route_configs',
      entry: ({ version }, body) => ({ version_info: version, route_config: body }),
    },
  ],
  [
    'eds',
    {
      type: 'EndpointsConfigDump',
      list: 'dynamic_endpoint_configs',
      entry: ({ version }, body) => ({ version_info: version, endpoint_config: body }),
    },
  ],
  [
    'ecds',
    {
      type: 'EcdsConfigDump',
      list: 'ecds_filters',
      entry: ({ version }, body) => ({ version_info: version, ecds_filter: body }),
    },
  ],
];

/** Types that Envoy's dump has no section for, such as single virtual hosts, follow as they are. */
function dumpSections(dump: Dump): readonly unknown[] {
  const byName = new Map([...dump].map(([typeUrl, resources]) => [shortTypeName(typeUrl), resources]));
  const known = sections.flatMap(([name, section]) => {
    const resources = byName.get(name);
    if (resources === undefined) return [];
    return [
      {
        '@type': `type.googleapis.com/envoy.admin.v3.${section.type}`,
        [section.list]: sorted(resources).map((resource) => section.entry(resource, bodyOf(resource))),
      },
    ];
  });
  const names = new Set<string>([...sections.map(([name]) => name), 'sds']);
  const others = [...byName].flatMap(([name, resources]) =>
    names.has(name)
      ? []
      : sorted(resources).map((resource) => ({
          type_url: resource.typeUrl,
          name: resource.name,
          version_info: resource.version,
          resource: bodyOf(resource),
        })),
  );
  return [...known, ...others];
}

function bodyOf(resource: EncodedResource): JsonValue {
  const body = decodeJson(resource.typeUrl, resource.body);
  return isJsonObject(body) ? { '@type': resource.typeUrl, ...body } : body;
}

function isJsonObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(resources: readonly EncodedResource[]): readonly EncodedResource[] {
  return resources.toSorted((a, b) => compareText(a.name, b.name));
}
