// An object as the API server sends it → the same without what is never read: field managers, large annotations, and for pods
// and nodes nearly all of their spec and status. Strings that many objects share are interned.

import { isMapping } from '../../convert/field-reader.ts';
import type { Interner } from './intern.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** Fields that stay: `true` as they are, an object for what stays of them (also inside lists). */
type Keep = { readonly [field: string]: true | Keep };

const ports: Keep = { ports: { name: true, containerPort: true, protocol: true } };

const keptFields: Readonly<Record<string, Keep>> = {
  Namespace: {},
  Node: { spec: { providerID: true }, status: { addresses: true } },
  Pod: {
    spec: {
      nodeName: true,
      serviceAccountName: true,
      serviceAccount: true,
      hostNetwork: true,
      hostname: true,
      subdomain: true,
      containers: ports,
      initContainers: ports,
    },
    status: { phase: true, podIP: true, podIPs: true, conditions: { type: true, status: true } },
  },
  EndpointSlice: {
    addressType: true,
    ports: true,
    endpoints: {
      addresses: true,
      conditions: true,
      hostname: true,
      nodeName: true,
      zone: true,
      targetRef: { kind: true, name: true, namespace: true },
    },
  },
  Service: { spec: true, status: { loadBalancer: true } },
  'Gateway.gateway.networking.k8s.io': {
    spec: {
      gatewayClassName: true,
      addresses: true,
      listeners: { name: true, port: true, protocol: true, tls: { mode: true, options: true } },
    },
    status: { addresses: true },
  },
  WorkloadEntry: { spec: true, status: { conditions: { type: true, status: true } } },
  ConfigMap: { data: true },
  Secret: { data: true, type: true },
};

/** Kinds with thousands of objects, of which only the annotations of the mesh are read. */
const manyObjects: ReadonlySet<string> = new Set(['Pod', 'Node', 'EndpointSlice']);
const meshAnnotation = /(^|[./])istio\.io\//;
const maxAnnotationLength = 4096;

const keptMetadata: Keep = {
  name: true,
  namespace: true,
  uid: true,
  resourceVersion: true,
  generation: true,
  creationTimestamp: true,
  deletionTimestamp: true,
  labels: true,
  annotations: true,
  ownerReferences: { kind: true, name: true, controller: true },
};

/**
 * Custom resources keep everything but their status. The argument is used up: parts of it are in the result.
 */
export function trimObject(kind: string, object: Mapping, interner: Interner): Mapping {
  const keep = keptFields[kind];
  const { metadata, status: _status, ...rest } = object;
  const body = keep === undefined ? rest : pick(object, { apiVersion: true, kind: true, ...keep });
  const trimmed = isMapping(metadata) ? trimMetadata(kind, metadata) : metadata;
  const result = { ...body, metadata: trimmed };
  // A key that was replaced is not to stay among shared strings.
  if (kind !== 'Secret') share(result, interner);
  return result;
}

function trimMetadata(kind: string, metadata: Mapping): Mapping {
  const trimmed = pick(metadata, keptMetadata);
  const annotations = trimmed['annotations'];
  if (!isMapping(annotations)) return trimmed;
  const onlyMesh = manyObjects.has(kind);
  const kept = Object.entries(annotations).filter(([name, value]) => {
    if (name === 'kubectl.kubernetes.io/last-applied-configuration') return false;
    if (meshAnnotation.test(name)) return true;
    return !onlyMesh && (typeof value !== 'string' || value.length <= maxAnnotationLength);
  });
  return { ...trimmed, annotations: Object.fromEntries(kept) };
}

function pick(value: Mapping, keep: Keep): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const [field, rule] of Object.entries(keep)) {
    if (!Object.hasOwn(value, field)) continue;
    const inner = value[field];
    picked[field] = rule === true ? inner : pickInner(inner, rule);
  }
  return picked;
}

/** What is not the expected shape stays as it is: the reader that checks it says what is wrong. */
function pickInner(value: unknown, keep: Keep): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => pickInner(item, keep));
  return isMapping(value) ? pick(value, keep) : value;
}

/** Strings under these names differ from object to object: interning them would only fill the table. */
const ownStrings: ReadonlySet<string> = new Set([
  'name',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'addresses',
  'podIP',
  'ip',
]);

/** In place: what comes in was parsed for this and belongs to nobody else, and copies would double the work. */
function share(value: object, interner: Interner): void {
  for (const name of Object.keys(value)) {
    const inner: unknown = Reflect.get(value, name);
    if (typeof inner === 'string') {
      if (!ownStrings.has(name)) Reflect.set(value, name, interner.intern(inner));
    } else if (typeof inner === 'object' && inner !== null && !(Array.isArray(inner) && ownStrings.has(name))) {
      share(inner, interner);
    }
  }
}
