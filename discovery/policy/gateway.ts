// A Gateway → what the selected gateway workloads listen for. Every field is obeyed, or refuses the object, because what it asks
// for would not happen.
// https://istio.io/latest/docs/reference/config/networking/gateway/

import { isIP } from 'node:net';
import { readChoice } from '../convert/choice.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { GatewayPolicy, GatewayServer } from '../model/policy.ts';
import { readServerTls, type ReadTls } from './gateway-tls.ts';
import { policyOrigin, readSpec } from './policy-fields.ts';

export function convertGateway(object: KubernetesObject): Conversion<GatewayPolicy> {
  const { spec, findings } = readSpec(object);
  const selector = spec.stringMap('selector');
  const readers = spec.objects('servers');
  const servers = readers.flatMap((server) => readServer(server));
  if (servers.length === 0 && !findings.refused) spec.missing('servers');
  if (Object.keys(selector).length === 0) spec.missing('selector');
  checkNames(spec, servers);
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
  MONGO: 'mongo',
};

function readServer(reader: FieldReader): readonly GatewayServer[] {
  reader.refuse('defaultEndpoint');
  const bind = readBind(reader);
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
  const isTls = protocol === 'https' || protocol === 'tls';
  if (isTls && tls === undefined) reader.missing('tls');
  const { mode, tls: ended }: ReadTls = tls === undefined || !isTls ? { mode: undefined } : readServerTls(tls);
  const httpsRedirect = tls !== undefined && !isTls && readRedirect(tls, protocol);
  const hosts = reader.strings('hosts').map((text, index) => checkHost(text, index, reader));
  if (hosts.length === 0) reader.missing('hosts');
  // It names statistics in Istio.
  reader.ignore('name');
  reader.end();
  if (number === undefined || protocol === undefined) return [];
  return [
    {
      port: number,
      name,
      protocol,
      hosts,
      ...(bind === undefined ? {} : { bind }),
      ...(mode === undefined ? {} : { tlsMode: mode }),
      ...(ended === undefined ? {} : { tls: ended }),
      ...(httpsRedirect ? { httpsRedirect } : {}),
    },
  ];
}

function readBind(reader: FieldReader): string | undefined {
  const bind = reader.string('bind');
  if (bind === undefined || bind === '') return undefined;
  if (isIP(bind) === 0) {
    const message = `${show(bind)} is not an IP address, and sockets of the file system are not supported: correct or remove it`;
    reader.findings.error('invalid-value', reader.at('bind'), message);
  }
  return bind;
}

/** `tls` of a server without TLS may say nothing but that. */
function readRedirect(tls: FieldReader, protocol: GatewayServer['protocol'] | undefined): boolean {
  const redirect = tls.boolean('httpsRedirect') ?? false;
  const others = tls.keys().filter((field) => field !== 'httpsRedirect');
  tls.ignore(...others);
  const [other] = others;
  if (other !== undefined && protocol !== undefined) {
    const message = `a server of this protocol has no TLS: remove the field, or make the protocol HTTPS or TLS`;
    tls.findings.error('conflicting-fields', tls.at(other), message);
  }
  if (redirect && (protocol === 'tcp' || protocol === 'mongo')) {
    const message = 'only requests of HTTP can be redirected: remove the field';
    tls.findings.error('conflicting-fields', tls.at('httpsRedirect'), message);
  }
  return redirect;
}

/** A name is part of what its routes are called. */
function checkNames(spec: FieldReader, servers: readonly GatewayServer[]): void {
  const known = new Set<string>();
  for (const [index, { name }] of servers.entries()) {
    if (name !== '' && known.has(name)) {
      const field = `${spec.at('servers')}[${index}].port.name`;
      spec.findings.error(
        'duplicate-name',
        field,
        `${show(name)} is the name of another server's port: give it another`,
      );
    }
    known.add(name);
  }
}

/** `HOST` or `NAMESPACE/HOST`, either of which may be a pattern. */
function checkHost(text: string, index: number, reader: FieldReader): string {
  const isValid = /^((\*|\.|[a-z0-9-]+)\/)?(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)$/i.test(text);
  const field = `${reader.at('hosts')}[${index}]`;
  if (!isValid) reader.findings.error('invalid-host', field, `${show(text)} is not HOST or NAMESPACE/HOST: correct it`);
  return text.toLowerCase();
}
