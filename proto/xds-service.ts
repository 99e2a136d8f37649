// The xDS services for a grpc-js server. Requests arrive as typed values; a response is bytes that were encoded before
// (see splice.ts) and passes through as it is. Handlers are called `stream`, `delta` and `fetch` in every service.
import type { MethodDefinition } from '@grpc/grpc-js';
import { decode, encode } from './codec.ts';
import { DeltaDiscoveryRequest, DiscoveryRequest } from './generated/envoy.service.discovery.v3.ts';
import type { MessageType } from './message-type.ts';

/** A method whose response is encoded already. */
export type XdsMethod<Request> = MethodDefinition<Request, Uint8Array>;

/** One service as `Server.addService` takes it: `server.addService(xdsServices.cluster.definition, handlers)`. */
export interface XdsService<Methods> {
  /** `envoy.service.cluster.v3.ClusterDiscoveryService` */
  readonly fullName: string;
  /** The one type of resource it serves; undefined for the aggregated service, whose requests name their type. */
  readonly typeUrl: string | undefined;
  readonly definition: Methods;
}

/** Methods of the aggregated service. */
export type AggregatedMethods = {
  readonly stream: XdsMethod<DiscoveryRequest>;
  readonly delta: XdsMethod<DeltaDiscoveryRequest>;
};

/** Methods of a service for one type. */
export type SingleTypeMethods = AggregatedMethods & {
  /** Unary: one request, one response. */
  readonly fetch: XdsMethod<DiscoveryRequest>;
};

/** Methods of a service that exists only as delta. */
export type DeltaMethods = Pick<AggregatedMethods, 'delta'>;

/** The services by what they serve. */
export interface XdsServices {
  readonly aggregated: XdsService<AggregatedMethods>;
  readonly cluster: XdsService<SingleTypeMethods>;
  readonly endpoint: XdsService<SingleTypeMethods>;
  readonly listener: XdsService<SingleTypeMethods>;
  readonly route: XdsService<SingleTypeMethods>;
  readonly virtualHost: XdsService<DeltaMethods>;
  readonly secret: XdsService<SingleTypeMethods>;
}

/** Paths and message types as in the .proto files under envoy/service. */
export const xdsServices: XdsServices = {
  aggregated: {
    fullName: 'envoy.service.discovery.v3.AggregatedDiscoveryService',
    typeUrl: undefined,
    definition: streams('envoy.service.discovery.v3.AggregatedDiscoveryService', 'AggregatedResources'),
  },
  cluster: singleType('envoy.service.cluster.v3.ClusterDiscoveryService', 'Clusters', 'config.cluster.v3.Cluster'),
  endpoint: singleType(
    'envoy.service.endpoint.v3.EndpointDiscoveryService',
    'Endpoints',
    'config.endpoint.v3.ClusterLoadAssignment',
  ),
  listener: singleType(
    'envoy.service.listener.v3.ListenerDiscoveryService',
    'Listeners',
    'config.listener.v3.Listener',
  ),
  route: singleType('envoy.service.route.v3.RouteDiscoveryService', 'Routes', 'config.route.v3.RouteConfiguration'),
  virtualHost: {
    fullName: 'envoy.service.route.v3.VirtualHostDiscoveryService',
    typeUrl: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
    definition: { delta: delta('/envoy.service.route.v3.VirtualHostDiscoveryService/DeltaVirtualHosts') },
  },
  secret: singleType(
    'envoy.service.secret.v3.SecretDiscoveryService',
    'Secrets',
    'extensions.transport_sockets.tls.v3.Secret',
  ),
};

function singleType(fullName: string, plural: string, message: string): XdsService<SingleTypeMethods> {
  const fetch = {
    ...method(DiscoveryRequest, `/${fullName}/Fetch${plural}`),
    requestStream: false,
    responseStream: false,
  };
  return {
    fullName,
    typeUrl: `type.googleapis.com/envoy.${message}`,
    definition: { ...streams(fullName, plural), fetch },
  };
}

function streams(fullName: string, plural: string): AggregatedMethods {
  return {
    stream: method(DiscoveryRequest, `/${fullName}/Stream${plural}`),
    delta: delta(`/${fullName}/Delta${plural}`),
  };
}

function delta(path: string): XdsMethod<DeltaDiscoveryRequest> {
  return method(DeltaDiscoveryRequest, path);
}

function method<Request>(type: MessageType<Request>, path: string): XdsMethod<Request> {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: (request) => asBuffer(encode<Request>(type, request)),
    requestDeserialize: (bytes) => decode(type, bytes),
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}

/** The same memory as a Buffer, which grpc-js asks for. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
