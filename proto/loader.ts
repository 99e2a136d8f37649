// The services and messages of the .proto files by way of @grpc/proto-loader: clients for tests, and a decoder that
// shares nothing with ours. Loading takes a second and 45 MB; the server uses xds-service.ts and codec.ts instead.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { includeFolders } from './generate/load-protos.ts';
import { lazy } from './lazy.ts';
import { fullNameOfTypeUrl } from './message-type.ts';

/** Property names in camelCase, enums by name, 64-bit integers as strings, what was not sent absent. */
const options: protoLoader.Options = { longs: String, enums: String };

const serviceFiles = {
  aggregated: 'envoy/service/discovery/v3/ads.proto',
  cluster: 'envoy/service/cluster/v3/cds.proto',
  endpoint: 'envoy/service/endpoint/v3/eds.proto',
  listener: 'envoy/service/listener/v3/lds.proto',
  route: 'envoy/service/route/v3/rds.proto',
  secret: 'envoy/service/secret/v3/sds.proto',
  certificate: 'istio/v1/auth/ca.proto',
};

const serviceNames = {
  aggregated: 'envoy.service.discovery.v3.AggregatedDiscoveryService',
  cluster: 'envoy.service.cluster.v3.ClusterDiscoveryService',
  endpoint: 'envoy.service.endpoint.v3.EndpointDiscoveryService',
  listener: 'envoy.service.listener.v3.ListenerDiscoveryService',
  route: 'envoy.service.route.v3.RouteDiscoveryService',
  virtualHost: 'envoy.service.route.v3.VirtualHostDiscoveryService',
  secret: 'envoy.service.secret.v3.SecretDiscoveryService',
  certificate: 'istio.v1.auth.IstioCertificateService',
} as const;

/** What one service is called in `LoadedServices`. */
export type ServiceKey = keyof typeof serviceNames;

/** One service: its definition and a client class. Methods have the names of the .proto file (`StreamClusters`). */
export interface LoadedService {
  readonly definition: grpc.ServiceDefinition;
  readonly Client: grpc.ServiceClientConstructor;
}

/** Every service by a short name. */
export type LoadedServices = Readonly<Record<ServiceKey, LoadedService>>;

/** Loads the xDS services and the certificate service. Slow (most of a second): call it once. */
export function loadServices(): LoadedServices {
  const loaded = load(Object.values(serviceFiles), options);
  const service = (key: ServiceKey): LoadedService => {
    const definition = loaded[serviceNames[key]] as grpc.ServiceDefinition;
    return { definition, Client: grpc.makeClientConstructor(definition, serviceNames[key]) };
  };
  return {
    aggregated: service('aggregated'),
    cluster: service('cluster'),
    endpoint: service('endpoint'),
    listener: service('listener'),
    route: service('route'),
    virtualHost: service('virtualHost'),
    secret: service('secret'),
    certificate: service('certificate'),
  };
}

/** Decodes with @grpc/proto-loader, see `loadIndependentDecoder`. */
export type IndependentDecoder = (typeUrl: string, bytes: Uint8Array) => object;

/**
 * Loads every v3 message of the .proto files and returns a decoder that shares no code with codec.ts: camelCase
 * names, enums by name, 64-bit integers as strings, bytes as a Buffer; an Any becomes its message with `@type`.
 * Throws for a type that no file declares.
 */
export function loadIndependentDecoder(): IndependentDecoder {
  const loaded = load(loadableFiles(), { ...options, json: true });
  return (typeUrl, bytes) => {
    const name = fullNameOfTypeUrl(typeUrl);
    const definition = loaded[name];
    if (definition === undefined || !('deserialize' in definition)) throw new Error(`no .proto file declares ${name}`);
    return (definition as protoLoader.MessageTypeDefinition<object, object>).deserialize(Buffer.from(bytes));
  };
}

const independentDecoder = lazy(loadIndependentDecoder);

/** Decodes with `loadIndependentDecoder()`, which is loaded when first called. */
export function decodeIndependently(typeUrl: string, bytes: Uint8Array): object {
  return independentDecoder()(typeUrl, bytes);
}

function load(files: readonly string[], loadOptions: protoLoader.Options): protoLoader.PackageDefinition {
  return protoLoader.loadSync([...files], { ...loadOptions, includeDirs: [...includeFolders()] });
}

/** The v3 files, Istio's, and none that imports a file which the package leaves out (OpenTelemetry, OpenCensus). */
function loadableFiles(): readonly string[] {
  const folders = includeFolders();
  const files = folders
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    .filter(
      (file) =>
        /^udpa\/type\/.*\.proto$/.test(file) ||
        (/^(envoy|xds|istio)\/.*\.proto$/.test(file) && (/\/v3\//.test(file) || file.startsWith('istio/'))),
    );
  const known = new Map<string, boolean>();
  const isComplete = (file: string): boolean => {
    const seen = known.get(file);
    if (seen !== undefined) return seen;
    known.set(file, true);
    const complete = file.startsWith('google/protobuf/') || importsOf(file, folders)?.every(isComplete) === true;
    known.set(file, complete);
    return complete;
  };
  return files.filter(isComplete);
}

function importsOf(file: string, folders: readonly string[]): readonly string[] | undefined {
  const path = folders.map((folder) => join(folder, file)).find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  return [...readFileSync(path, 'utf8').matchAll(/^import (?:public |weak )?"([^"]+)";/gm)].map(
    (match) => match[1] ?? '',
  );
}
