// What requests an HTTP route of a VirtualService takes.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest

import type { FieldReader } from '../convert/field-reader.ts';
import { show } from '../convert/field-reader.ts';
import type { HttpMatch } from '../model/policy.ts';
import { gatewayName } from './gateway-name.ts';
import { readHeaderMatches, readStringMatch } from './string-match.ts';

export function readHttpMatch(reader: FieldReader, namespace: string): HttpMatch {
  const sourceNamespace = reader.string('sourceNamespace');
  const statPrefix = reader.string('statPrefix');
  const declared = readStringMatch(reader, 'uri');
  const uri = declared?.kind === 'prefix' && declared.value === '' ? undefined : declared;
  if (uri !== undefined && uri.kind !== 'regex' && !uri.value.startsWith('/') && uri.value !== '*') {
    const message = `${show(uri.value)} does not begin with "/" as every path does, so this match takes no request; correct it`;
    reader.findings.warn('unreachable-match', reader.at('uri'), message);
  }
  const ignoreUriCase = reader.boolean('ignoreUriCase') ?? false;
  if (ignoreUriCase && uri?.kind === 'regex') {
    const message = `${reader.at('ignoreUriCase')} has no effect on a regular expression; begin that with "(?i)"`;
    reader.findings.warn('no-effect', reader.at('ignoreUriCase'), message);
  }
  const match: HttpMatch = {
    name: reader.string('name') ?? '',
    ...(uri === undefined ? {} : { uri }),
    ignoreUriCase,
    scheme: readStringMatch(reader, 'scheme'),
    method: readStringMatch(reader, 'method'),
    authority: readStringMatch(reader, 'authority'),
    headers: readHeaderMatches(reader, 'headers', 'lower'),
    withoutHeaders: readHeaderMatches(reader, 'withoutHeaders', 'lower'),
    queryParams: readHeaderMatches(reader, 'queryParams', 'as-is'),
    port: reader.port('port'),
    sourceLabels: reader.stringMap('sourceLabels'),
    sourceNamespace: sourceNamespace === '' ? undefined : sourceNamespace,
    gateways: reader.strings('gateways').map((gateway) => gatewayName(gateway, namespace)),
    ...(statPrefix === undefined || statPrefix === '' ? {} : { statPrefix }),
  };
  reader.end();
  return match;
}
