// `match` of a patch: which configuration of which proxies it is for.

import { readChoice } from '../../convert/choice.ts';
import { show, type FieldReader } from '../../convert/field-reader.ts';
import type {
  ClusterPatchMatch,
  EnvoyPatch,
  FilterChainPatchMatch,
  ListenerPatchMatch,
  PatchContext,
  PatchPlace,
  ProxyPatchMatch,
  RouteActionKind,
  RoutePatchMatch,
  VirtualHostPatchMatch,
} from '../../model/policies/envoy-filter.ts';
import { checkRegex } from '../regex.ts';
import { filterName } from './filter-names.ts';
import { placeRules, places, wordFor } from './patch-rules.ts';

export type PatchMatch = Pick<EnvoyPatch, 'context' | 'proxy' | 'listener' | 'route' | 'cluster'>;

const contexts: Readonly<Record<string, PatchContext | 'waypoint'>> = {
  ANY: 'any',
  SIDECAR_INBOUND: 'inbound',
  SIDECAR_OUTBOUND: 'outbound',
  GATEWAY: 'gateway',
  WAYPOINT: 'waypoint',
};

const actions: Readonly<Record<string, RouteActionKind | 'any'>> = {
  ANY: 'any',
  ROUTE: 'route',
  REDIRECT: 'redirect',
  DIRECT_RESPONSE: 'direct-response',
};

const kinds = ['listener', 'routeConfiguration', 'cluster'] as const;

/** `applyTo` undefined: it was reported already. */
export function readPatchMatch(reader: FieldReader | undefined, applyTo: PatchPlace | undefined): PatchMatch {
  if (reader === undefined) return { context: 'any' };
  reader.refuse('waypoint');
  const context = readChoice(reader, 'context', contexts) ?? 'any';
  if (context === 'waypoint') {
    const message = `${reader.at('context')} is WAYPOINT, and there are no waypoints here: name another, or remove the patch`;
    reader.findings.error('unsupported-field', reader.at('context'), message);
  }
  const proxy = reader.object('proxy');
  const listener = reader.object('listener');
  const route = reader.object('routeConfiguration');
  const cluster = reader.object('cluster');
  const match = {
    context: context === 'waypoint' ? 'any' : context,
    ...(proxy === undefined ? {} : { proxy: readProxy(proxy) }),
    ...(listener === undefined ? {} : { listener: readListener(listener) }),
    ...(route === undefined ? {} : { route: readRoute(route) }),
    ...(cluster === undefined ? {} : { cluster: readCluster(cluster) }),
  } satisfies PatchMatch;
  if (applyTo !== undefined) checkKind(reader, applyTo);
  reader.end();
  return match;
}

/** A match of another kind of object can't hold for what the patch is applied to. */
function checkKind(reader: FieldReader, applyTo: PatchPlace): void {
  const wanted = placeRules[applyTo].match;
  for (const kind of kinds) {
    if (kind === wanted || !reader.has(kind)) continue;
    const instead = wanted === undefined ? 'remove it' : `match by ${wanted} instead`;
    const message = `${reader.at(kind)} can't select a ${wordFor(places, applyTo)}: ${instead}`;
    reader.findings.error('conflicting-fields', reader.at(kind), message);
  }
}

function readProxy(reader: FieldReader): ProxyPatchMatch {
  const version = reader.string('proxyVersion') ?? '';
  if (version !== '') checkRegex(version, reader.at('proxyVersion'), reader.findings);
  const metadata = reader.stringMap('metadata');
  reader.end();
  return { ...(version === '' ? {} : { version }), metadata };
}

function readListener(reader: FieldReader): ListenerPatchMatch {
  reader.refuse('portName');
  const chain = reader.object('filterChain');
  const match = {
    ...text(reader, 'name', 'name'),
    ...port(reader, 'portNumber', 'port'),
    ...name(reader, 'listenerFilter', 'listenerFilter'),
    ...(chain === undefined ? {} : { chain: readChain(chain) }),
  };
  reader.end();
  return match;
}

function readChain(reader: FieldReader): FilterChainPatchMatch {
  const protocols = reader.string('applicationProtocols') ?? '';
  const filter = reader.object('filter');
  const subFilter = filter?.object('subFilter');
  const match = {
    ...text(reader, 'name', 'name'),
    ...text(reader, 'sni', 'sni'),
    ...text(reader, 'transportProtocol', 'transportProtocol'),
    ...(protocols === '' ? {} : { applicationProtocols: protocols.split(',').map((one) => one.trim()) }),
    ...port(reader, 'destinationPort', 'destinationPort'),
    ...(filter === undefined ? {} : name(filter, 'name', 'filter')),
    ...(subFilter === undefined ? {} : name(subFilter, 'name', 'subFilter')),
  };
  subFilter?.end();
  filter?.end();
  reader.end();
  return match;
}

function readRoute(reader: FieldReader): RoutePatchMatch {
  const vhost = reader.object('vhost');
  const gateway = reader.string('gateway') ?? '';
  if (gateway !== '' && !/^[^/]+\/[^/]+$/.test(gateway)) {
    const message = `${show(gateway)} is not NAMESPACE/NAME of a Gateway: correct it`;
    reader.findings.error('invalid-value', reader.at('gateway'), message);
  }
  const match = {
    ...text(reader, 'name', 'name'),
    ...port(reader, 'portNumber', 'port'),
    ...text(reader, 'portName', 'portName'),
    ...(gateway === '' ? {} : { gateway }),
    ...(vhost === undefined ? {} : { virtualHost: readVirtualHost(vhost) }),
  };
  reader.end();
  return match;
}

function readVirtualHost(reader: FieldReader): VirtualHostPatchMatch {
  const route = reader.object('route');
  const action = route === undefined ? undefined : readChoice(route, 'action', actions);
  const match = {
    ...text(reader, 'name', 'name'),
    ...text(reader, 'domainName', 'domain'),
    ...(route === undefined
      ? {}
      : {
          route: {
            ...text(route, 'name', 'name'),
            ...(action === undefined || action === 'any' ? {} : { action }),
          },
        }),
  };
  route?.end();
  reader.end();
  return match;
}

function readCluster(reader: FieldReader): ClusterPatchMatch {
  const match = {
    ...text(reader, 'name', 'name'),
    ...text(reader, 'service', 'service'),
    ...port(reader, 'portNumber', 'port'),
    ...text(reader, 'subset', 'subset'),
  };
  reader.end();
  return match;
}

/** An empty text asks for nothing. */
function text<K extends string>(reader: FieldReader, field: string, as: K): { readonly [key in K]?: string } {
  const value = reader.string(field) ?? '';
  return value === '' ? {} : one(as, value);
}

function name<K extends string>(reader: FieldReader, field: string, as: K): { readonly [key in K]?: string } {
  const value = reader.string(field) ?? '';
  return value === '' ? {} : one(as, filterName(value));
}

/** 0 asks for nothing. */
function port<K extends string>(reader: FieldReader, field: string, as: K): { readonly [key in K]?: number } {
  const value = reader.integer(field, 0, 65_535, 'invalid-port') ?? 0;
  return value === 0 ? {} : one(as, value);
}

function one<K extends string, V>(key: K, value: V): { readonly [key in K]?: V } {
  const made: { [key in K]?: V } = {};
  made[key] = value;
  return made;
}
