// What an HTTP route does besides sending a request on: rewrite it, redirect its client, answer it itself.

import { readChoice } from '../convert/choice.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { DirectResponse, HttpRedirect, Rewrite } from '../model/policy.ts';
import { checkRegex, checkSubstitution } from './regex.ts';
import { readHeaderPart } from './route-headers.ts';

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRewrite */
export function readRewrite(reader: FieldReader | undefined): Rewrite | undefined {
  if (reader === undefined) return undefined;
  const uri = readHeaderPart(reader, 'uri');
  const authority = readHeaderPart(reader, 'authority');
  const uriRegex = readRegexRewrite(reader.object('uriRegexRewrite'));
  if (uriRegex !== undefined && uri !== undefined && uri !== '') {
    const message = `${reader.path} has uri and uriRegexRewrite: keep one`;
    reader.findings.error('conflicting-fields', reader.at('uriRegexRewrite'), message);
  }
  reader.end();
  return {
    ...(uri === undefined || uri === '' ? {} : { uri }),
    ...(authority === undefined || authority === '' ? {} : { authority }),
    ...(uriRegex === undefined ? {} : { uriRegex }),
  };
}

function readRegexRewrite(reader: FieldReader | undefined): Rewrite['uriRegex'] {
  if (reader === undefined) return undefined;
  const match = reader.requiredString('match');
  const rewrite = readHeaderPart(reader, 'rewrite') ?? '';
  if (!reader.has('rewrite')) reader.missing('rewrite');
  const groups = match === '' ? undefined : checkRegex(match, reader.at('match'), reader.findings);
  const at = { field: reader.at('rewrite'), findings: reader.findings };
  if (groups !== undefined) checkSubstitution(rewrite, groups, at);
  reader.end();
  return { match, rewrite };
}

const redirectCodes: readonly number[] = [301, 302, 303, 307, 308];

const derivedPorts: Readonly<Record<string, HttpRedirect['derivePort']>> = {
  FROM_PROTOCOL_DEFAULT: 'from-protocol-default',
  FROM_REQUEST_PORT: 'from-request-port',
};

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRedirect */
export function readRedirect(reader: FieldReader | undefined): HttpRedirect | undefined {
  if (reader === undefined) return undefined;
  const code = reader.integer('redirectCode', 300, 399) ?? 301;
  if (!redirectCodes.includes(code)) {
    const message = `${code} is not a redirect code that Envoy sends (${redirectCodes.join(', ')}): use one of them`;
    reader.findings.error('out-of-range', reader.at('redirectCode'), message);
  }
  reader.refuse('prefixRewrite');
  const port = reader.port('port');
  const derivePort = readChoice(reader, 'derivePort', derivedPorts);
  if (port !== undefined && derivePort !== undefined) {
    const message = `${reader.path} has port and derivePort: keep one`;
    reader.findings.error('conflicting-fields', reader.at('derivePort'), message);
  }
  const uri = readHeaderPart(reader, 'uri');
  const authority = readHeaderPart(reader, 'authority');
  const scheme = readHeaderPart(reader, 'scheme');
  reader.end();
  return {
    ...(uri === undefined ? {} : { uri }),
    ...(authority === undefined ? {} : { authority }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(port === undefined ? {} : { port }),
    ...(derivePort === undefined ? {} : { derivePort }),
    redirectCode: code,
  };
}

/** `max_direct_response_body_size_bytes` of every route configuration, as in Istio. */
const maxBodyBytes = 1_048_576;

/** https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPDirectResponse */
export function readDirectResponse(reader: FieldReader | undefined): DirectResponse | undefined {
  if (reader === undefined) return undefined;
  const status = reader.integer('status', 200, 599);
  if (!reader.has('status')) reader.missing('status');
  const body = readBody(reader.object('body'));
  reader.end();
  const size = Buffer.byteLength(body.body ?? body.bodyBytes ?? '');
  if (size > maxBodyBytes) {
    const message = `the body has ${size} bytes, and Envoy answers by itself with at most ${maxBodyBytes}: shorten it`;
    reader.findings.error('out-of-range', reader.at('body'), message);
  }
  return status === undefined ? undefined : { status, ...body };
}

function readBody(reader: FieldReader | undefined): Pick<DirectResponse, 'body' | 'bodyBytes'> {
  const body = reader?.string('string');
  const bytes = reader?.string('bytes');
  reader?.end();
  if (reader !== undefined && body !== undefined && bytes !== undefined) {
    reader.findings.error('conflicting-fields', reader.path, `${reader.path} has string and bytes: keep one`);
  }
  if (body !== undefined) return { body };
  if (reader === undefined || bytes === undefined) return {};
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(bytes)) {
    reader.findings.error('invalid-value', reader.at('bytes'), `${reader.at('bytes')} is not base64: correct it`);
  }
  return { bodyBytes: Buffer.from(bytes, 'base64') };
}
