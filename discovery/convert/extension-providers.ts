// `extensionProviders` of MeshConfig → the providers that policies may name. A kind that is not implemented is told.

import type { ExtensionProvider, ExternalAuthorizer } from '../model/extension-provider.ts';
import { hostname } from '../model/names.ts';
import { readDuration } from './duration.ts';
import type { FieldReader } from './field-reader.ts';
import { readTelemetryProviders } from './telemetry-providers.ts';

/** Istio's own default. */
const defaultTimeoutMs = 600_000;

export function readExtensionProviders(reader: FieldReader): readonly ExtensionProvider[] {
  const names = new Set<string>();
  return reader.objects('extensionProviders').flatMap((entry) => {
    const name = entry.requiredString('name');
    if (names.has(name)) {
      entry.findings.error('duplicate-name', entry.at('name'), `two providers are named ${name}: rename one`);
    }
    names.add(name);
    const http = entry.object('envoyExtAuthzHttp');
    const grpc = entry.object('envoyExtAuthzGrpc');
    const providers = [
      ...(http === undefined ? [] : [readAuthorizer('ext-authz-http', name, http)]),
      ...(grpc === undefined ? [] : [readAuthorizer('ext-authz-grpc', name, grpc)]),
      ...readTelemetryProviders(entry, name),
    ];
    entry.warnRest();
    return providers;
  });
}

function readAuthorizer(kind: ExternalAuthorizer['kind'], name: string, reader: FieldReader): ExternalAuthorizer {
  const service = reader.requiredString('service');
  const port = reader.port('port');
  if (!reader.has('port')) reader.missing('port');
  const body = reader.object('includeRequestBodyInCheck');
  const status = reader.string('statusOnError');
  const statusOnError = status === undefined ? undefined : Number(status);
  if (statusOnError !== undefined && !(statusOnError >= 100 && statusOnError < 600)) {
    reader.findings.error('invalid-value', reader.at('statusOnError'), `"${status}" is not an HTTP status: correct it`);
  }
  const provider: ExternalAuthorizer = {
    kind,
    name,
    // `NAMESPACE/HOST` says whose service is meant where two namespaces have the host.
    service: hostname(service.slice(service.indexOf('/') + 1)),
    port: port ?? 0,
    timeoutMs: readDuration(reader, 'timeout', 1) ?? defaultTimeoutMs,
    failOpen: reader.boolean('failOpen') ?? false,
    statusOnError,
    body:
      body === undefined
        ? undefined
        : {
            maxBytes: body.integer('maxRequestBytes', 1, 2 ** 32 - 1) ?? 1024,
            allowPartial: body.boolean('allowPartialMessage') ?? false,
            asBytes: body.boolean('packAsBytes') ?? false,
          },
    pathPrefix: reader.string('pathPrefix') ?? '',
    requestHeaders: [...reader.strings('includeRequestHeadersInCheck'), ...reader.strings('includeHeadersInCheck')],
    addedHeaders: reader.stringMap('includeAdditionalHeadersInCheck'),
    headersToUpstreamOnAllow: reader.strings('headersToUpstreamOnAllow'),
    headersToDownstreamOnDeny: reader.strings('headersToDownstreamOnDeny'),
    headersToDownstreamOnAllow: reader.strings('headersToDownstreamOnAllow'),
  };
  body?.warnRest();
  reader.warnRest();
  return provider;
}
