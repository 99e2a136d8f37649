// One HTTP route of a VirtualService: what it matches, where it sends, how it changes the request.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute

import { readRetries } from '../convert/route-retries.ts';
import { readDuration } from '../convert/duration.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { Delegate, HttpRoute } from '../model/policy.ts';
import { readCorsPolicy } from './cors-policy.ts';
import { readFault } from './fault-injection.ts';
import { readDirectResponse, readRedirect, readRewrite } from './http-actions.ts';
import { readHttpMatch } from './http-match.ts';
import { readMirrors } from './mirrors.ts';
import { readDestinations, type RouteContext } from './route-destination.ts';
import { readHeaderOperations } from './route-headers.ts';

export function readHttpRoute(reader: FieldReader, context: RouteContext): HttpRoute {
  const matches = reader.objects('match').map((match) => readHttpMatch(match, context.namespace));
  const destinations = readDestinations(reader, context, 'http');
  const redirect = readRedirect(reader.object('redirect'));
  const directResponse = readDirectResponse(reader.object('directResponse'));
  const delegate = readDelegate(reader.object('delegate'), context.namespace);
  const rewrite = readRewrite(reader.object('rewrite'));
  const timeoutMs = readDuration(reader, 'timeout', 0);
  const retries = readRetries(reader.object('retries'));
  const headers = readHeaderOperations(reader);
  const mirrors = readMirrors(reader, context);
  const fault = readFault(reader.object('fault'));
  const cors = readCorsPolicy(reader.object('corsPolicy'));
  const name = reader.string('name') ?? '';
  checkAction(reader);
  reader.end();
  return {
    name,
    matches,
    destinations,
    ...(delegate === undefined ? {} : { delegate }),
    ...(rewrite === undefined ? {} : { rewrite }),
    ...(redirect === undefined ? {} : { redirect }),
    ...(directResponse === undefined ? {} : { directResponse }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(retries === undefined ? {} : { retries }),
    ...(headers === undefined ? {} : { headers }),
    ...(mirrors.length === 0 ? {} : { mirrors }),
    ...(fault === undefined ? {} : { fault }),
    ...(cors === undefined ? {} : { cors }),
  };
}

/** What a route that sends no request on has no use for. */
const forwardingFields = ['timeout', 'retries', 'mirror', 'mirrors'] as const;

function checkAction(reader: FieldReader): void {
  const { findings } = reader;
  const actions = ['route', 'redirect', 'directResponse', 'delegate'].filter((name) =>
    name === 'route' ? reader.list(name).length > 0 : reader.has(name),
  );
  const [action] = actions;
  if (actions.length !== 1 || action === undefined) {
    if (findings.refused) return;
    const message = `${reader.path} needs exactly one of route, redirect, directResponse and delegate and has ${actions.length}: keep one`;
    findings.error('conflicting-fields', reader.path, message);
    return;
  }
  if (action === 'route' || action === 'delegate') return;
  if (reader.has('rewrite')) {
    const message = `${reader.path} has rewrite and ${action}, and what is not sent on can't be rewritten: keep one`;
    findings.error('conflicting-fields', reader.at('rewrite'), message);
  }
  for (const name of forwardingFields) {
    if (!reader.has(name)) continue;
    findings.warn('no-effect', reader.at(name), `${reader.at(name)} has no effect beside ${action}; remove it`);
  }
}

function readDelegate(reader: FieldReader | undefined, ownNamespace: string): Delegate | undefined {
  if (reader === undefined) return undefined;
  const name = reader.requiredString('name');
  const namespace = reader.string('namespace') ?? '';
  reader.end();
  return { name, namespace: namespace === '' ? ownNamespace : namespace };
}
