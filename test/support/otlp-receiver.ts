// A receiver of OpenTelemetry's protocol over gRPC, as a program: each span and each log record that it gets is a line of JSON on its standard
// output. In: PORT in the environment.

import grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** What it says of a span or a record. */
export interface Received {
  readonly kind: 'span' | 'log';
  readonly name: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, string>>;
}

const { root } = protobuf.parse(`
  syntax = "proto3";
  message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; } }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message Span { string name = 5; repeated KeyValue attributes = 9; }
  message ScopeSpans { repeated Span spans = 2; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Traces { repeated ResourceSpans resource_spans = 1; }
  message LogRecord { AnyValue body = 5; repeated KeyValue attributes = 6; }
  message ScopeLogs { repeated LogRecord log_records = 2; }
  message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
  message Logs { repeated ResourceLogs resource_logs = 1; }
`);

type AnyValue = { readonly stringValue?: string; readonly boolValue?: boolean; readonly intValue?: number };
type KeyValue = { readonly key?: string; readonly value?: AnyValue };
type Attributed = { readonly attributes?: readonly KeyValue[] };
type Traces = {
  readonly resourceSpans?: readonly {
    readonly resource?: Attributed;
    readonly scopeSpans?: readonly { readonly spans?: readonly (Attributed & { readonly name?: string })[] }[];
  }[];
};
type Logs = {
  readonly resourceLogs?: readonly {
    readonly resource?: Attributed;
    readonly scopeLogs?: readonly { readonly logRecords?: readonly (Attributed & { readonly body?: AnyValue })[] }[];
  }[];
};

function textOf({ stringValue, boolValue, intValue }: AnyValue = {}): string {
  return String(stringValue ?? boolValue ?? intValue ?? '');
}

function textsOf({ attributes = [] }: Attributed = {}): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key = '', value }) => [key, textOf(value)]));
}

function say(received: Received): void {
  process.stdout.write(`${JSON.stringify(received)}\n`);
}

function spansIn(bytes: Buffer): void {
  for (const { resource, scopeSpans = [] } of (root.lookupType('Traces').decode(bytes) as Traces).resourceSpans ?? []) {
    for (const span of scopeSpans.flatMap(({ spans = [] }) => spans)) {
      say({ kind: 'span', name: span.name ?? '', resource: textsOf(resource), attributes: textsOf(span) });
    }
  }
}

function logsIn(bytes: Buffer): void {
  for (const { resource, scopeLogs = [] } of (root.lookupType('Logs').decode(bytes) as Logs).resourceLogs ?? []) {
    for (const record of scopeLogs.flatMap(({ logRecords = [] }) => logRecords)) {
      say({ kind: 'log', name: textOf(record.body), resource: textsOf(resource), attributes: textsOf(record) });
    }
  }
}

const method = (path: string): grpc.MethodDefinition<Buffer, Buffer> => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
});

function handler(take: (bytes: Buffer) => void): grpc.handleUnaryCall<Buffer, Buffer> {
  return ({ request }, answer) => {
    take(request);
    answer(null, Buffer.alloc(0));
  };
}

if (import.meta.main) {
  const server = new grpc.Server();
  server.addService(
    {
      traces: method('/opentelemetry.proto.collector.trace.v1.TraceService/Export'),
      logs: method('/opentelemetry.proto.collector.logs.v1.LogsService/Export'),
    },
    { traces: handler(spansIn), logs: handler(logsIn) },
  );
  const address = `0.0.0.0:${process.env['PORT'] ?? '4317'}`;
  server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
    process.stdout.write(error === null ? 'listening\n' : `${error.message}\n`);
    if (error !== null) process.exitCode = 1;
  });
}
