// Asks an instance for a certificate as Istio's agent does. In: where it listens, its roots and a token. Out: the chain; a refusal
// is an error with its gRPC status.

import grpc from '@grpc/grpc-js';
import type { LoadedServices } from '../../proto/loader.ts';
import { makeCsr } from './make-csr.ts';

export interface CertificateRequest {
  readonly services: LoadedServices;
  /** `127.0.0.1:PORT` of the TLS port. */
  readonly address: string;
  readonly rootsPem: string;
  readonly token: string;
  /** What the caller says which cluster it is in. */
  readonly clusterId?: string | undefined;
}

export async function requestCertificate(request: CertificateRequest): Promise<readonly string[]> {
  const { services, address, rootsPem, token, clusterId } = request;
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  if (clusterId !== undefined) metadata.set('clusterid', clusterId);
  const client = new services.certificate.Client(address, grpc.credentials.createSsl(Buffer.from(rootsPem)), {
    'grpc.ssl_target_name_override': 'istiod.istio-system.svc',
  });
  const create = client['CreateCertificate'] as unknown as (
    request: object,
    metadata: grpc.Metadata,
    done: (error: grpc.ServiceError | null, response: { readonly certChain: readonly string[] }) => void,
  ) => void;
  const csr = await makeCsr({ type: 'ecdsa-p256' });
  try {
    return await new Promise((resolve, reject) => {
      create.call(client, { csr, validityDuration: '3600' }, metadata, (error, response) =>
        error === null ? resolve(response.certChain) : reject(error),
      );
    });
  } finally {
    client.close();
  }
}
