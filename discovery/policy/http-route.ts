// One HTTP route of a VirtualService: what it matches, where it sends, how it changes the request.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute

import { readDuration } from '../convert/duration.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { HeaderOperation, HeaderOperations, HttpMatch, HttpRoute, WeightedDestination } from '../model/policy.ts';
import { checkChangedHeader, checkHeaderValue } from './header-text.ts';
import { resolveHost, type HostOptions } from './policy-fields.ts';
import { readHeaderMatches, readStringMatch } from './string-match.ts';

export interface RouteContext {
  readonly namespace: string;
  readonly domain: string;
}

export function readHttpRoute(reader: FieldReader, context: RouteContext): HttpRoute {
  reader.refuse(
    'delegate',
    'fault',
    'mirror',
    'mirrors',
    'mirrorPercent',
    'mirror_percent',
    'mirrorPercentage',
    'corsPolicy',
  );
  const matches = reader.objects('match').map((match) => readMatch(match, context));
  const destinations = readDestinations(reader, context);
  const redirect = readRedirect(reader.object('redirect'));
  const directResponse = readDirectResponse(reader.object('directResponse'));
  const actions = [destinations.length > 0, redirect !== undefined, directResponse !== undefined].filter(
    Boolean,
  ).length;
  if (actions !== 1 && !reader.findings.refused) {
    const message = `${reader.path} needs exactly one of route, redirect and directResponse and has ${actions}: keep one`;
    reader.findings.error('conflicting-fields', reader.path, message);
  }
  const rewrite = readRewrite(reader.object('rewrite'));
  const timeoutMs = readDuration(reader, 'timeout', 0);
  const retries = readRetries(reader.object('retries'));
  const headers = readHeaderOperations(reader);
  const name = reader.string('name') ?? '';
  reader.end();
  return {
    name,
    matches,
    destinations,
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(redirect === undefined ? {} : { redirect }),
    ...(directResponse === undefined ? {} : { directResponse }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retries === undefined ? {} : { retries }),
    ...(headers === undefined ? {} : { headers }),
  };
}

function readMatch(reader: FieldReader, context: RouteContext): HttpMatch {
  reader.disregard('statPrefix');
  const sourceNamespace = reader.string('sourceNamespace');
  const port = reader.port('port');
  const match: HttpMatch = {
    name: reader.string('name') ?? '',
    uri: readStringMatch(reader, 'uri'),
    ignoreUriCase: reader.boolean('ignoreUriCase') ?? false,
    scheme: readStringMatch(reader, 'scheme'),
    method: readStringMatch(reader, 'method'),
    authority: readStringMatch(reader, 'authority'),
    headers: readHeaderMatches(reader, 'headers', 'lower'),
    withoutHeaders: readHeaderMatches(reader, 'withoutHeaders', 'lower'),
    queryParams: readHeaderMatches(reader, 'queryParams', 'as-is'),
    port,
    sourceLabels: reader.stringMap('sourceLabels'),
    sourceNamespace: sourceNamespace === '' ? undefined : sourceNamespace,
    gateways: reader.strings('gateways').map((gateway) => gatewayName(gateway, context.namespace)),
  };
  reader.end();
  return match;
}

/** `mesh`, or NAMESPACE/NAME; a bare name is one of the object's own namespace. */
export function gatewayName(text: string, namespace: string): string {
  return text === 'mesh' || text.includes('/') ? text : `${namespace}/${text}`;
}

function readDestinations(reader: FieldReader, context: RouteContext): readonly WeightedDestination[] {
  const routes = reader.objects('route');
  const single = routes.length === 1;
  const destinations = routes.flatMap((route) => {
    const target = route.object('destination');
    if (target === undefined) {
      if (!route.has('destination')) route.missing('destination');
      return [];
    }
    const host = target.requiredString('host');
    const options: HostOptions = { ...context, wildcard: 'refused' };
    const port = readDestinationPort(target);
    const subset = target.string('subset');
    const weight = route.integer('weight', 0, 4_294_967_295) ?? (single ? 100 : 0);
    const headers = readHeaderOperations(route);
    const resolved = host === '' ? undefined : resolveHost(host, target.at('host'), target.findings, options);
    target.end();
    route.end();
    if (resolved === undefined) return [];
    const destination = {
      host: resolved,
      ...(subset === undefined || subset === '' ? {} : { subset }),
      ...(port === undefined ? {} : { port }),
    };
    return [{ destination, weight, ...(headers === undefined ? {} : { headers }) }];
  });
  const total = destinations.reduce((sum, { weight }) => sum + weight, 0);
  if (destinations.length > 0 && total === 0) {
    const message = `all weights of ${reader.at('route')} are 0, so no destination would be used: give one a weight`;
    reader.findings.error('invalid-weight', reader.at('route'), message);
  } else if (total > 4_294_967_295) {
    const message = `the weights of ${reader.at('route')} add up to ${total}, more than 4294967295: make them smaller`;
    reader.findings.error('invalid-weight', reader.at('route'), message);
  }
  // A single destination gets everything, whatever its weight says.
  const [only] = destinations;
  return single && only !== undefined ? [{ ...only, weight: 100 }] : destinations;
}

function readDestinationPort(target: FieldReader): number | undefined {
  const reader = target.object('port');
  const port = reader?.port('number');
  if (reader !== undefined && !reader.has('number')) reader.missing('number');
  reader?.end();
  return port;
}

function readRewrite(reader: FieldReader | undefined): HttpRoute['rewrite'] {
  if (reader === undefined) return undefined;
  reader.refuse('uriRegexRewrite');
  const uri = readHeaderPart(reader, 'uri');
  const authority = readHeaderPart(reader, 'authority');
  reader.end();
  return {
    ...(uri === undefined || uri === '' ? {} : { uri }),
    ...(authority === undefined || authority === '' ? {} : { authority }),
  };
}

const redirectCodes: readonly number[] = [301, 302, 303, 307, 308];

function readRedirect(reader: FieldReader | undefined): HttpRoute['redirect'] {
  if (reader === undefined) return undefined;
  reader.refuse('derivePort');
  const code = reader.integer('redirectCode', 300, 399) ?? 301;
  if (!redirectCodes.includes(code)) {
    const message = `${code} is not a redirect code that Envoy sends (${redirectCodes.join(', ')}): use one of them`;
    reader.findings.error('out-of-range', reader.at('redirectCode'), message);
  }
  const port = reader.port('port');
  const uri = readHeaderPart(reader, 'uri');
  const authority = readHeaderPart(reader, 'authority');
  const scheme = readHeaderPart(reader, 'scheme');
  reader.end();
  return {
    ...(uri === undefined ? {} : { uri }),
    ...(authority === undefined ? {} : { authority }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(port === undefined ? {} : { port }),
    redirectCode: code,
  };
}

/** `max_direct_response_body_size_bytes` of a route configuration, as it is unless told otherwise. */
const maxBodyBytes = 4096;

function readDirectResponse(reader: FieldReader | undefined): HttpRoute['directResponse'] {
  if (reader === undefined) return undefined;
  const status = reader.integer('status', 200, 599);
  if (!reader.has('status')) reader.missing('status');
  const body = reader.object('body');
  const text = body?.string('string');
  const bytes = body?.string('bytes');
  body?.end();
  reader.end();
  if (status === undefined) return undefined;
  const content = text ?? (bytes === undefined ? undefined : Buffer.from(bytes, 'base64').toString('utf8'));
  const size = Buffer.byteLength(content ?? '');
  if (size > maxBodyBytes) {
    const message = `the body has ${size} bytes, and Envoy answers by itself with at most ${maxBodyBytes}: shorten it`;
    reader.findings.error('out-of-range', reader.at('body'), message);
  }
  return { status, ...(content === undefined ? {} : { body: content }) };
}

const retryConditions: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

function readRetries(reader: FieldReader | undefined): HttpRoute['retries'] {
  if (reader === undefined) return undefined;
  reader.refuse('retryRemoteLocalities', 'retryIgnorePreviousHosts', 'backoff');
  const attempts = reader.integer('attempts', 0, 1_000) ?? 0;
  const perTryTimeoutMs = readDuration(reader, 'perTryTimeout', 1);
  const retryOn = (reader.string('retryOn') ?? '').split(',').map((word) => word.trim());
  const conditions = retryOn.filter((word) => word !== '');
  for (const word of conditions) {
    if (retryConditions.has(word) || /^[1-5]\d\d$/.test(word)) continue;
    const message = `${show(word)} is neither a retry condition of Envoy nor a status code: correct it`;
    reader.findings.error('invalid-value', reader.at('retryOn'), message);
  }
  reader.end();
  return { attempts, ...(perTryTimeoutMs === undefined ? {} : { perTryTimeoutMs }), retryOn: conditions.join(',') };
}

function readHeaderOperations(reader: FieldReader): HeaderOperations | undefined {
  const headers = reader.object('headers');
  if (headers === undefined) return undefined;
  const operations = { request: readOperation(headers, 'request'), response: readOperation(headers, 'response') };
  headers.end();
  return operations;
}

function readOperation(headers: FieldReader, name: string): HeaderOperation {
  const reader = headers.object(name);
  if (reader === undefined) return { set: {}, add: {}, remove: [] };
  const removed = reader.strings('remove');
  for (const [index, header] of removed.entries()) {
    checkChangedHeader(header, 'remove', { field: `${reader.at('remove')}[${index}]`, findings: reader.findings });
  }
  const operation = {
    set: readHeaderValues(reader, 'set'),
    add: readHeaderValues(reader, 'add'),
    remove: removed.map((header) => header.toLowerCase()),
  };
  reader.end();
  return operation;
}

/** By name in lower case. */
function readHeaderValues(reader: FieldReader, name: 'set' | 'add'): Readonly<Record<string, string>> {
  const headers = Object.entries(reader.stringMap(name));
  for (const [header, value] of headers) {
    const field = `${reader.at(name)}[${JSON.stringify(header)}]`;
    checkChangedHeader(header, name, { field, findings: reader.findings });
    checkHeaderValue(value, field, reader.findings);
  }
  return Object.fromEntries(headers.map(([header, value]) => [header.toLowerCase(), value]));
}

/** A text that becomes part of a header. */
function readHeaderPart(reader: FieldReader, name: string): string | undefined {
  const text = reader.string(name);
  if (text !== undefined) checkHeaderValue(text, reader.at(name), reader.findings);
  return text;
}
