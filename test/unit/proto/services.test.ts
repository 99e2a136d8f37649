import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateService } from '../../../proto/ca-service.ts';
import { encode } from '../../../proto/codec.ts';
import { StringValue } from '../../../proto/generated/google.protobuf.ts';
import type { DiscoveryRequest } from '../../../proto/generated/envoy.service.discovery.v3.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../../../proto/generated/istio.v1.auth.ts';
import { loadServices, type LoadedServices } from '../../../proto/loader.ts';
import { encodeAny, encodeDiscoveryResponse, frame, resourcesField } from '../../../proto/splice.ts';
import { xdsServices } from '../../../proto/xds-service.ts';

const shape = (definition: grpc.ServiceDefinition) =>
  Object.values(definition)
    .map(({ path, requestStream, responseStream }) => ({ path, requestStream, responseStream }))
    .toSorted((a, b) => a.path.localeCompare(b.path));

describe('services', () => {
  const server = new grpc.Server();
  const received: object[] = [];
  let services: LoadedServices;
  let address: string;

  beforeAll(async () => {
    services = loadServices();
    server.addService(xdsServices.cluster.definition, {
      stream: (call: grpc.ServerDuplexStream<DiscoveryRequest, Uint8Array>) => {
        call.on('data', (request: DiscoveryRequest) => {
          received.push(request);
          const any = encodeAny(StringValue.typeUrl, encode(StringValue, { value: 'ready made' }));
          const typeUrl = request.typeUrl ?? '';
          call.write(encodeDiscoveryResponse({ resourceFrames: [frame(resourcesField, any)], typeUrl, nonce: '1' }));
          call.end();
        });
      },
    });
    server.addService(certificateService, {
      createCertificate: (
        call: grpc.ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
        callback: grpc.sendUnaryData<IstioCertificateResponse>,
      ) => {
        received.push(call.request);
        callback(null, { certChain: ['leaf', 'root'] });
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    address = `127.0.0.1:${port}`;
  });

  afterAll(() => {
    server.forceShutdown();
  });

  test('paths and streaming are those of the .proto files', () => {
    for (const key of ['aggregated', 'cluster', 'endpoint', 'listener', 'route', 'virtualHost', 'secret'] as const) {
      expect(shape({ ...xdsServices[key].definition })).toEqual(shape(services[key].definition));
    }
    expect(shape({ ...certificateService })).toEqual(shape(services.certificate.definition));
  });

  test('a request arrives as a value and bytes made before are sent as they are', async () => {
    const client = new services.cluster.Client(address, grpc.credentials.createInsecure());
    const call: grpc.ClientDuplexStream<object, object> = client['StreamClusters']?.();
    const responses: object[] = [];
    call.on('data', (response: object) => responses.push(response));
    const ended = new Promise((resolve) => call.on('end', resolve));
    call.write({ typeUrl: 'type', resourceNames: ['a'], node: { id: 'n' }, errorDetail: { code: 3, message: 'no' } });
    await ended;
    client.close();
    expect(received).toContainEqual({
      typeUrl: 'type',
      resourceNames: ['a'],
      node: { id: 'n' },
      errorDetail: { code: 3, message: 'no' },
    });
    const value = Buffer.from(encode(StringValue, { value: 'ready made' }));
    expect(responses).toEqual([{ typeUrl: 'type', nonce: '1', resources: [{ type_url: StringValue.typeUrl, value }] }]);
  });

  test('our client and another client of the certificate service understand the server', async () => {
    const ours = grpc.makeClientConstructor({ ...certificateService }, 'ours');
    for (const [Client, name] of [
      [ours, 'createCertificate'],
      [services.certificate.Client, 'CreateCertificate'],
    ] as const) {
      const client = new Client(address, grpc.credentials.createInsecure());
      const response = await new Promise((resolve, reject) => {
        client[name]?.({ csr: name, validityDuration: 60 }, (error: Error | null, value: object) =>
          error === null ? resolve(value) : reject(error),
        );
      });
      client.close();
      expect(response).toEqual({ certChain: ['leaf', 'root'] });
      expect(received).toContainEqual({ csr: name, validityDuration: 60 });
    }
  });
});
