// One condition of an AuthorizationPolicy. In: an entry of `when`. Out: the attribute that its key names, with its values.
// https://istio.io/latest/docs/reference/config/security/conditions/

import { show, type FieldReader } from '../../convert/field-reader.ts';
import type { Attribute, AuthorizationCondition } from '../../model/policy.ts';
import { readAccount, readBlock, readPortNumber, readPrincipal } from './attribute-values.ts';
import { readAttribute, readPattern, type ReadValue } from './text-pattern.ts';

const patternKinds = {
  'source.principal': 'principal',
  'source.namespace': 'namespace',
  'request.auth.principal': 'request-principal',
  'request.auth.audiences': 'audience',
  'request.auth.presenter': 'presenter',
  'connection.sni': 'sni',
} as const;

const blockKinds = {
  'source.ip': 'source-ip',
  'remote.ip': 'remote-ip',
  'destination.ip': 'destination-ip',
} as const;

/** Undefined when the key or its values were refused. */
export function readCondition(reader: FieldReader, namespace: string): AuthorizationCondition | undefined {
  const key = reader.requiredString('key');
  const condition = conditionOf(reader, key, namespace);
  if (!reader.has('values') && !reader.has('notValues')) {
    const message = `${reader.path} has neither values nor notValues: add one`;
    reader.findings.error('missing-field', reader.at('values'), message);
  }
  reader.end();
  return condition;
}

function conditionOf(reader: FieldReader, key: string, namespace: string): AuthorizationCondition | undefined {
  const match = <T>(read: ReadValue<T>): Attribute<T> =>
    readAttribute(reader, ['values', 'notValues'], read) ?? { values: [], notValues: [] };
  if (key === '') return undefined;
  for (const [name, kind] of Object.entries(patternKinds)) {
    if (key === name) return { kind, match: match(kind === 'principal' ? readPrincipal : readPattern) };
  }
  for (const [name, kind] of Object.entries(blockKinds)) if (key === name) return { kind, match: match(readBlock) };
  if (key === 'source.serviceAccount') return { kind: 'account', match: match(readAccount(namespace)) };
  if (key === 'destination.port') return { kind: 'destination-port', match: match(readPortNumber) };
  const header = /^request\.headers\[([^\]]+)\]$/.exec(key)?.[1];
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase(), match: match(readPattern) };
  const claims = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1];
  if (claims !== undefined) {
    return { kind: 'claim', path: claims.slice(1, -1).split(']['), match: match(readPattern) };
  }
  match(readPattern);
  const message = key.startsWith('experimental.envoy.filters.')
    ? `${show(key)} reads the metadata of a filter, which is not supported yet: use another key`
    : `${show(key)} is no key of a condition: correct it`;
  reader.findings.error('invalid-value', reader.at('key'), message);
  return undefined;
}
