// A Gateway → what the selected gateway workloads let through. Only TLS passthrough by SNI between networks and plain
// HTTP are implemented; a server of another sort refuses the object, because what it asks for would not be served.
// https://istio.io/latest/docs/reference/config/networking/gateway/

import { readChoice } from '../convert/choice.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { GatewayPolicy, GatewayServer } from '../model/policy.ts';
import { policyOrigin, readSpec } from './policy-fields.ts';

export function convertGateway(object: KubernetesObject): Conversion<GatewayPolicy> {
  const { spec, findings } = readSpec(object);
  const selector = spec.stringMap('selector');
  const servers = spec.objects('servers').flatMap((server) => readServer(server));
  if (servers.length === 0 && !findings.refused) spec.missing('servers');
  if (Object.keys(selector).length === 0) spec.missing('selector');
  spec.end();
  return findings.conclude({ kind: 'Gateway', ...policyOrigin(object), exportTo: [], selector, servers });
}

const protocols: Readonly<Record<string, GatewayServer['protocol']>> = {
  HTTP: 'http',
  HTTPS: 'https',
  TLS: 'tls',
  TCP: 'tcp',
  HTTP2: 'http2',
  GRPC: 'grpc',
};

const tlsModes: Readonly<Record<string, GatewayServer['tlsMode']>> = {
  AUTO_PASSTHROUGH: 'auto-passthrough',
  PASSTHROUGH: 'passthrough',
  SIMPLE: 'simple',
  MUTUAL: 'mutual',
  ISTIO_MUTUAL: 'istio-mutual',
};

function readServer(reader: FieldReader): readonly GatewayServer[] {
  reader.refuse('bind', 'defaultEndpoint');
  const port = reader.object('port');
  if (port === undefined) {
    reader.missing('port');
    return [];
  }
  const number = port.port('number');
  const name = port.string('name') ?? '';
  port.disregard('targetPort');
  if (!port.has('number')) port.missing('number');
  if (!port.has('protocol')) port.missing('protocol');
  const protocol = readChoice(port, 'protocol', protocols);
  port.end();
  const tls = reader.object('tls');
  const tlsMode = tls === undefined ? undefined : readChoice(tls, 'mode', tlsModes);
  const plainHttp = tls === undefined && (protocol === 'http' || protocol === 'http2' || protocol === 'grpc');
  const isPassedOn = tlsMode === 'passthrough' || (tls === undefined && protocol === 'tcp');
  if (tlsMode !== 'auto-passthrough' && !plainHttp && !isPassedOn && !reader.findings.refused) {
    const field = tls === undefined ? reader.path : tls.at('mode');
    const message =
      'only plain HTTP and TCP servers and those with tls.mode AUTO_PASSTHROUGH or PASSTHROUGH are supported yet: remove this server';
    reader.findings.error('unsupported-field', field, message);
  } else tls?.end();
  const hosts = reader.strings('hosts').map((text, index) => checkHost(text, index, reader));
  if (hosts.length === 0) reader.missing('hosts');
  reader.ignore('name');
  reader.end();
  if (number === undefined || protocol === undefined) return [];
  return [{ port: number, name, protocol, hosts, ...(tlsMode === undefined ? {} : { tlsMode }) }];
}

/** `HOST` or `NAMESPACE/HOST`, either of which may be a pattern. */
function checkHost(text: string, index: number, reader: FieldReader): string {
  const isValid = /^((\*|\.|[a-z0-9-]+)\/)?(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/i.test(text);
  const field = `${reader.at('hosts')}[${index}]`;
  if (!isValid) reader.findings.error('invalid-host', field, `${show(text)} is not HOST or NAMESPACE/HOST: correct it`);
  return text.toLowerCase();
}
