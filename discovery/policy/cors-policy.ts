// Which web pages of other origins may make requests, and with what.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#CorsPolicy

import { readChoice } from '../convert/choice.ts';
import { readDuration } from '../convert/duration.ts';
import type { FieldReader } from '../convert/field-reader.ts';
import type { CorsPolicy, StringMatch } from '../model/policy.ts';
import { checkHeaderName, checkHeaderValue } from './header-text.ts';
import { readMatch } from './string-match.ts';

const preflights: Readonly<Record<string, CorsPolicy['unmatchedPreflights']>> = {
  UNSPECIFIED: undefined,
  FORWARD: 'forward',
  IGNORE: 'ignore',
};

export function readCorsPolicy(reader: FieldReader | undefined): CorsPolicy | undefined {
  if (reader === undefined) return undefined;
  const allowOrigins = reader.objects('allowOrigins').map((origin) => readOrigin(origin));
  const older = reader.strings('allowOrigin').map((value): StringMatch => ({ kind: 'exact', value }));
  const maxAgeMs = readDuration(reader, 'maxAge', 0);
  const allowCredentials = reader.boolean('allowCredentials');
  const unmatchedPreflights = readChoice(reader, 'unmatchedPreflights', preflights);
  const origins = allowOrigins.flatMap((origin) => origin ?? []);
  const policy: CorsPolicy = {
    allowOrigins: origins.length > 0 ? origins : older,
    allowMethods: readTokens(reader, 'allowMethods'),
    allowHeaders: readTokens(reader, 'allowHeaders'),
    exposeHeaders: readTokens(reader, 'exposeHeaders'),
    ...(maxAgeMs === undefined ? {} : { maxAgeSeconds: Math.floor(maxAgeMs / 1000) }),
    ...(allowCredentials === undefined ? {} : { allowCredentials }),
    ...(unmatchedPreflights === undefined ? {} : { unmatchedPreflights }),
  };
  if (policy.allowOrigins.length === 0 && !reader.findings.refused) {
    const message = `${reader.path} allows no origin, so it changes nothing for any; add allowOrigins`;
    reader.findings.warn('missing-field', reader.at('allowOrigins'), message);
  }
  if (allowCredentials === true && policy.allowOrigins.some(({ kind, value }) => kind !== 'regex' && value === '*')) {
    const message =
      'any origin may send the credentials of its visitors here, which lets every web page act for them; name origins';
    reader.findings.warn('insecure', reader.at('allowCredentials'), message);
  }
  reader.end();
  return policy;
}

function readOrigin(reader: FieldReader): StringMatch | undefined {
  const origin = readMatch(reader);
  if (origin === undefined && !reader.findings.refused) {
    const message = `${reader.path} says neither exact nor prefix nor regex: add one`;
    reader.findings.error('missing-field', reader.path, message);
  }
  // Every origin begins with nothing, and Envoy takes no empty prefix.
  return origin?.kind === 'prefix' && origin.value === '' ? { kind: 'exact', value: '*' } : origin;
}

/** Names that are sent in one header, comma-separated, as an entry may be already; `*` is one of them. */
function readTokens(reader: FieldReader, name: string): readonly string[] {
  return reader.strings(name).flatMap((text, index) => {
    const field = `${reader.at(name)}[${index}]`;
    const tokens = text.split(',').map((token) => token.trim());
    for (const token of tokens) {
      checkHeaderName(token, field, reader.findings);
      checkHeaderValue(token, field, reader.findings);
    }
    return tokens;
  });
}
