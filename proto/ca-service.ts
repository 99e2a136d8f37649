// Istio's certificate service for grpc-js, for the server (`addService`) and for the agent's client
// (`makeClientConstructor`) alike, with typed values on both sides.
import type { MethodDefinition } from '@grpc/grpc-js';
import { decode, encode } from './codec.ts';
import { IstioCertificateRequest, IstioCertificateResponse } from './generated/istio.v1.auth.ts';

/** The methods of `istio.v1.auth.IstioCertificateService`. */
export type CertificateServiceMethods = {
  /** Unary: a signing request in, the chain out; see proto/istio/v1/auth/ca.proto. */
  readonly createCertificate: MethodDefinition<IstioCertificateRequest, IstioCertificateResponse>;
};

/** The service as `addService` and `makeClientConstructor` take it. */
export const certificateService: CertificateServiceMethods = {
  createCertificate: {
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    requestStream: false,
    responseStream: false,
    requestSerialize: (request) => Buffer.from(encode(IstioCertificateRequest, request)),
    requestDeserialize: (bytes) => decode(IstioCertificateRequest, bytes),
    responseSerialize: (response) => Buffer.from(encode(IstioCertificateResponse, response)),
    responseDeserialize: (bytes) => decode(IstioCertificateResponse, bytes),
    originalName: 'createCertificate',
  },
};
