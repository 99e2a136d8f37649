// Faults that an HTTP route injects on purpose: delays, and answers that end a request.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPFaultInjection

import { readDuration } from '../convert/duration.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Fault, FaultAbort } from '../model/policy.ts';
import { readPercentage } from './percentage.ts';

export function readFault(reader: FieldReader | undefined): Fault | undefined {
  if (reader === undefined) return undefined;
  const delay = readDelay(reader.object('delay'));
  const abort = readAbort(reader.object('abort'));
  if (!reader.has('delay') && !reader.has('abort')) {
    const message = `${reader.path} says neither delay nor abort: add one`;
    reader.findings.error('missing-field', reader.path, message);
  }
  reader.end();
  return { ...(delay === undefined ? {} : { delay }), ...(abort === undefined ? {} : { abort }) };
}

function readDelay(reader: FieldReader | undefined): Fault['delay'] {
  if (reader === undefined) return undefined;
  refuse(reader, 'exponentialDelay', 'Envoy has no delay that grows', 'use fixedDelay');
  const percent = readShare(reader);
  const fixedDelayMs = readDuration(reader, 'fixedDelay', 1);
  if (!reader.has('fixedDelay') && !reader.has('exponentialDelay')) reader.missing('fixedDelay');
  reader.end();
  return fixedDelayMs === undefined ? undefined : { percent, fixedDelayMs };
}

function readAbort(reader: FieldReader | undefined): FaultAbort | undefined {
  if (reader === undefined) return undefined;
  refuse(reader, 'http2Error', 'Envoy injects no HTTP/2 error codes', 'use httpStatus or grpcStatus');
  const percent = readShare(reader);
  const httpStatus = reader.integer('httpStatus', 200, 599);
  const grpcStatus = readGrpcStatus(reader);
  const said = ['httpStatus', 'grpcStatus'].filter((field) => reader.has(field));
  if (said.length !== 1 && !reader.has('http2Error')) {
    const message = `${reader.path} needs one of httpStatus and grpcStatus and has ${said.length}: keep one`;
    reader.findings.error('conflicting-fields', reader.path, message);
  }
  reader.end();
  return {
    percent,
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(grpcStatus === undefined ? {} : { grpcStatus }),
  };
}

/** Without a percentage no request is touched, as Istio documents. */
function readShare(reader: FieldReader): number {
  const percent = readPercentage(reader, 'percentage', 'percent');
  if (percent === undefined) {
    const message = `${reader.path} has no percentage, so no request is touched; say percentage.value`;
    reader.findings.warn('missing-field', reader.at('percentage'), message);
  }
  return percent ?? 0;
}

/** By number; https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const grpcCodes: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

function readGrpcStatus(reader: FieldReader): number | undefined {
  const text = reader.string('grpcStatus');
  if (text === undefined) return undefined;
  const code = grpcCodes.indexOf(text.toUpperCase());
  if (code >= 0) return code;
  const message = `${show(text)} is not the name of a gRPC status code (such as "UNAVAILABLE"): correct it`;
  reader.findings.error('invalid-value', reader.at('grpcStatus'), message);
  return undefined;
}

function refuse(reader: FieldReader, field: string, why: string, remedy: string): void {
  if (!reader.has(field)) return;
  reader.findings.error('unsupported-field', reader.at(field), `${reader.at(field)} can't be had: ${why}; ${remedy}`);
}
