// A RequestAuthentication → which tokens are read, and by whose keys. While there is no good state of one that can't be expressed,
// tokens are refused: it was written to have them checked.
// https://istio.io/latest/docs/reference/config/security/request_authentication/

import { readDuration } from '../convert/duration.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import { nobodysKeys, readKeySet } from '../convert/key-set.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { KeySource, RequestAuthenticationPolicy, TokenRule } from '../model/policy.ts';
import { policyOrigin, readSpec } from './policy-fields.ts';
import { readTarget } from './policy-target.ts';
import { readWorkloadSelector } from './workload-selector.ts';

/** As Istio's. */
const defaultTimeoutMs = 5000;

export function convertRequestAuthentication(object: KubernetesObject): Conversion<RequestAuthenticationPolicy> {
  const { spec, findings } = readSpec(object);
  const { target, closes } = readTarget(spec, readWorkloadSelector(spec), object.metadata.namespace);
  const rules = spec.objects('jwtRules').map((rule) => readRule(rule));
  spec.end();
  const policy = { kind: 'RequestAuthentication' as const, ...policyOrigin(object), exportTo: [], ...target };
  const conversion = findings.conclude<RequestAuthenticationPolicy>({ ...policy, rules, failClosed: false });
  if (conversion.value !== undefined || closes === undefined) return conversion;
  return { ...conversion, standIn: { ...policy, ...closes, rules: [refusesTokens], failClosed: true } };
}

/** Of an issuer that none is, with no keys: what is found where tokens usually are is refused. */
const refusesTokens: TokenRule = {
  issuer: 'urn:isthmus:none',
  audiences: [],
  keys: { kind: 'inline', keySet: nobodysKeys },
  fromHeaders: [],
  fromParams: [],
  fromCookies: [],
  forwardOriginalToken: false,
  outputClaimToHeaders: [],
  spaceDelimitedClaims: [],
};

function readRule(reader: FieldReader): TokenRule {
  const issuer = reader.requiredString('issuer');
  const payloadHeader = headerName(reader, 'outputPayloadToHeader', reader.string('outputPayloadToHeader'));
  const rule: TokenRule = {
    issuer,
    audiences: texts(reader, 'audiences'),
    keys: readKeys(reader, issuer),
    fromHeaders: reader.objects('fromHeaders').map((header) => {
      const name = headerName(header, 'name', header.requiredString('name')) ?? '';
      const prefix = header.string('prefix') ?? '';
      header.end();
      return { name, prefix };
    }),
    fromParams: texts(reader, 'fromParams'),
    fromCookies: texts(reader, 'fromCookies'),
    forwardOriginalToken: reader.boolean('forwardOriginalToken') ?? false,
    ...(payloadHeader === undefined ? {} : { outputPayloadToHeader: payloadHeader }),
    outputClaimToHeaders: reader.objects('outputClaimToHeaders').map((output) => {
      const header = headerName(output, 'header', output.requiredString('header')) ?? '';
      const claim = output.requiredString('claim');
      output.end();
      return { header, claim };
    }),
    spaceDelimitedClaims: texts(reader, 'spaceDelimitedClaims'),
  };
  reader.end();
  return rule;
}

function texts(reader: FieldReader, name: string): readonly string[] {
  const list = reader.strings(name);
  for (const [index, text] of list.entries()) {
    const field = `${reader.at(name)}[${index}]`;
    if (text === '') reader.findings.error('invalid-value', field, `${field} is empty: write a value or remove it`);
  }
  return list;
}

/** In lower case, as Envoy has header names. */
function headerName(reader: FieldReader, field: string, name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined;
  if (!/^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/.test(name)) {
    reader.findings.error('invalid-value', reader.at(field), `${show(name)} is not the name of a header: correct it`);
  }
  return name.toLowerCase();
}

function readKeys(reader: FieldReader, issuer: string): KeySource {
  const text = reader.string('jwks');
  const camel = reader.string('jwksUri');
  const snake = reader.string('jwks_uri');
  const timeoutMs = readDuration(reader, 'timeout', 1) ?? defaultTimeoutMs;
  const uri = camel ?? snake;
  if ([text, camel, snake].filter((one) => one !== undefined).length > 1) {
    const message = `${reader.path} has several of jwks, jwksUri and jwks_uri: keep one`;
    reader.findings.error('conflicting-fields', reader.at('jwks'), message);
  }
  if (text !== undefined) {
    const read = readKeySet(text);
    if (read.kind === 'keys') return { kind: 'inline', keySet: read.keySet };
    reader.findings.error(
      'invalid-value',
      reader.at('jwks'),
      `this is not a JSON Web Key Set, ${read.reason}: correct it`,
    );
    return { kind: 'inline', keySet: nobodysKeys };
  }
  if (uri !== undefined) checkUrl(reader, camel === undefined ? 'jwks_uri' : 'jwksUri', uri);
  else if (!isUrl(issuer) && issuer !== '') {
    const message = `the issuer ${show(issuer)} is not a URL at which its keys could be found: add jwks or jwksUri`;
    reader.findings.error('missing-field', reader.at('jwksUri'), message);
  }
  return { kind: 'fetched', location: { issuer, ...(uri === undefined ? {} : { uri }) }, timeoutMs };
}

function checkUrl(reader: FieldReader, name: string, text: string): void {
  if (isUrl(text)) return;
  reader.findings.error('invalid-value', reader.at(name), `${show(text)} is not a URL of http or https: correct it`);
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}
