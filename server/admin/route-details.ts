// What a route does to requests beside sending them somewhere: one line each. In: the route of a VirtualService. Out: lines in words.

import type {
  CorsPolicy,
  Destination,
  Fault,
  HeaderOperation,
  HeaderOperations,
  HttpRedirect,
  HttpRoute,
  RetryPolicy,
  Rewrite,
} from '../../discovery/model/policy.ts';
import { stringMatchText } from './match-request.ts';

/** In the order in which a request meets them. */
export function routeDetails(route: HttpRoute): readonly string[] {
  const { cors, fault, rewrite, timeoutMs, retries, headers, mirrors = [], destinations } = route;
  return [
    ...(cors === undefined ? [] : [corsText(cors)]),
    ...(fault === undefined ? [] : faultTexts(fault)),
    ...(rewrite === undefined ? [] : rewriteTexts(rewrite)),
    ...(headers === undefined ? [] : headerTexts(headers, '')),
    ...destinations.flatMap(({ destination, headers: own }) =>
      own === undefined ? [] : headerTexts(own, `, to ${destinationText(destination)}`),
    ),
    ...(timeoutMs === undefined ? [] : [timeoutMs === 0 ? 'timeout off' : `timeout ${seconds(timeoutMs)}`]),
    ...(retries === undefined ? [] : [retryText(retries)]),
    ...mirrors.map(({ destination, percent }) => `copies ${String(percent)} % to ${destinationText(destination)}`),
  ];
}

export function redirectText({ scheme, authority, port, derivePort, uri, redirectCode }: HttpRedirect): string {
  const parts = [
    scheme === undefined ? undefined : `scheme ${scheme}`,
    authority === undefined ? undefined : `authority ${authority}`,
    port === undefined ? undefined : `port ${String(port)}`,
    derivePort === 'from-request-port' ? 'the port of the request' : undefined,
    uri === undefined ? undefined : `path ${uri}`,
  ].filter((part) => part !== undefined);
  return `redirects with ${String(redirectCode)}${parts.length === 0 ? '' : ` to ${parts.join(', ')}`}`;
}

export function destinationText({ host, subset, port }: Destination): string {
  const where = port === undefined ? host : `${host}:${String(port)}`;
  return subset === undefined ? where : `${where} subset ${subset}`;
}

function corsText({ allowOrigins, allowMethods, allowHeaders, allowCredentials }: CorsPolicy): string {
  const origins = allowOrigins.map(stringMatchText).join(', or ');
  const rest = [
    allowMethods.length === 0 ? undefined : `methods ${allowMethods.join(', ')}`,
    allowHeaders.length === 0 ? undefined : `headers ${allowHeaders.join(', ')}`,
    allowCredentials === true ? 'with credentials' : undefined,
  ].filter((part) => part !== undefined);
  return `CORS: origin ${origins === '' ? '(none is allowed)' : origins}${rest.length === 0 ? '' : `; ${rest.join('; ')}`}`;
}

function faultTexts({ delay, abort }: Fault): readonly string[] {
  const status =
    abort?.httpStatus === undefined ? `gRPC status ${String(abort?.grpcStatus)}` : String(abort.httpStatus);
  return [
    ...(delay === undefined ? [] : [`fault: delays ${String(delay.percent)} % by ${seconds(delay.fixedDelayMs)}`]),
    ...(abort === undefined ? [] : [`fault: answers ${String(abort.percent)} % with ${status} itself`]),
  ];
}

function rewriteTexts({ uri, authority, uriRegex }: Rewrite): readonly string[] {
  return [
    ...(uri === undefined ? [] : [`rewrites the matched path to ${uri}`]),
    ...(uriRegex === undefined ? [] : [`rewrites the path by ${uriRegex.match} to ${uriRegex.rewrite}`]),
    ...(authority === undefined ? [] : [`rewrites the authority to ${authority}`]),
  ];
}

function headerTexts({ request, response }: HeaderOperations, where: string): readonly string[] {
  return [
    ...operationTexts(request, `request headers${where}`),
    ...operationTexts(response, `response headers${where}`),
  ];
}

/** Names alone: a value may be a secret. */
function operationTexts({ set, add, remove }: HeaderOperation, what: string): readonly string[] {
  const parts = [
    Object.keys(set).length === 0 ? undefined : `sets ${Object.keys(set).join(', ')}`,
    Object.keys(add).length === 0 ? undefined : `adds ${Object.keys(add).join(', ')}`,
    remove.length === 0 ? undefined : `removes ${remove.join(', ')}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? [] : [`${what}: ${parts.join('; ')}`];
}

function retryText({ attempts, perTryTimeoutMs, retryOn, backoffMs }: RetryPolicy): string {
  if (attempts === 0) return 'retries off';
  const rest = [
    retryOn === '' ? undefined : `on ${retryOn}`,
    perTryTimeoutMs === undefined ? undefined : `${seconds(perTryTimeoutMs)} for each try`,
    backoffMs === undefined ? undefined : `after ${seconds(backoffMs)}`,
  ].filter((part) => part !== undefined);
  return `retries up to ${String(attempts)} times${rest.length === 0 ? '' : `, ${rest.join(', ')}`}`;
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${String(ms / 1000)}s` : `${String(ms)}ms`;
}
