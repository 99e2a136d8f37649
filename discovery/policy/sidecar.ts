// A Sidecar → which hosts the proxies of its workloads know, and where the applications beside them listen.
// https://istio.io/latest/docs/reference/config/networking/sidecar/

import { canonicalAddress } from '../convert/address.ts';
import { readChoice } from '../convert/choice.ts';
import { show, type FieldReader } from '../convert/field-reader.ts';
import type { Conversion } from '../convert/findings.ts';
import { readPortProtocol } from '../convert/service-entry-ports.ts';
import type { KubernetesObject } from '../model/kubernetes-object.ts';
import type { EgressHost, EgressListener, IngressEndpoint, IngressListener, SidecarPolicy } from '../model/policy.ts';
import { policyOrigin, readFullHost, readSpec } from './policy-fields.ts';

export function convertSidecar(object: KubernetesObject): Conversion<SidecarPolicy> {
  const { spec, findings } = readSpec(object);
  const selection = spec.object('workloadSelector');
  const selector = selection?.stringMap('labels') ?? {};
  if (selection !== undefined && Object.keys(selector).length === 0) selection.missing('labels');
  selection?.end();
  const egress = spec.objects('egress').map((reader) => readEgress(reader));
  const ingress = spec.objects('ingress').flatMap((reader) => readIngress(reader));
  if (ingress.length > 0 && selection === undefined) {
    const message =
      'spec.ingress is of a workload and needs spec.workloadSelector.labels: add it or remove the listeners';
    findings.error('missing-field', 'spec.workloadSelector', message);
  }
  checkRepetitions(spec, egress, ingress);
  const outboundTrafficPolicy = readOutboundPolicy(spec.object('outboundTrafficPolicy'));
  spec.refuse('inboundConnectionPool');
  spec.end();
  return findings.conclude({
    kind: 'Sidecar',
    ...policyOrigin(object),
    exportTo: [],
    selector,
    ...(egress.length === 0 ? {} : { egress }),
    ingress,
    ...(outboundTrafficPolicy === undefined ? {} : { outboundTrafficPolicy }),
  });
}

function readOutboundPolicy(reader: FieldReader | undefined): SidecarPolicy['outboundTrafficPolicy'] {
  if (reader === undefined) return undefined;
  const mode = readChoice(reader, 'mode', { ALLOW_ANY: 'allow-any', REGISTRY_ONLY: 'registry-only' } as const);
  reader.refuse('egressProxy');
  reader.end();
  // The API's own default where the message is there and its mode is not.
  return mode ?? 'registry-only';
}

function readEgress(reader: FieldReader): EgressListener {
  const port = readPort(reader.object('port'));
  const uncaptured = readCaptureMode(reader);
  const bind = readBind(reader);
  if (port === undefined && bind !== undefined) {
    reader.findings.error(
      'missing-field',
      reader.at('port'),
      `${reader.at('bind')} needs ${reader.at('port')}: add it`,
    );
  }
  if (port === undefined && uncaptured) {
    const message = `${reader.at('captureMode')} NONE needs ${reader.at('port')}: add it`;
    reader.findings.error('missing-field', reader.at('port'), message);
  }
  const hosts = reader.strings('hosts').map((text, index) => readEgressHost(text, index, reader));
  if (hosts.length === 0) reader.missing('hosts');
  reader.end();
  return {
    hosts,
    ...(port === undefined ? {} : { port: port.port }),
    ...(bind === undefined ? {} : { bind }),
    uncaptured,
  };
}

/** `NAMESPACE/HOST`. */
function readEgressHost(text: string, index: number, reader: FieldReader): EgressHost {
  const field = `${reader.at('hosts')}[${index}]`;
  const slash = text.indexOf('/');
  const namespace = text.slice(0, Math.max(0, slash));
  if (!/^(\*|\.|~|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/.test(namespace)) {
    const message = `${show(text)} is not NAMESPACE/HOST, where the namespace may be ".", "*" or "~": correct it`;
    reader.findings.error('invalid-host', field, message);
  }
  // Never short for a service: the namespace may be one of many.
  return { namespace, host: readFullHost(text.slice(slash + 1), field, reader.findings) };
}

function readIngress(reader: FieldReader): readonly IngressListener[] {
  const port = readPort(reader.object('port'));
  if (!reader.has('port')) reader.missing('port');
  const uncaptured = readCaptureMode(reader);
  const bind = readBind(reader);
  const endpoint = readDefaultEndpoint(reader);
  reader.refuse('tls', 'connectionPool');
  reader.end();
  if (port === undefined) return [];
  return [
    {
      ...port,
      ...(bind === undefined ? {} : { bind }),
      uncaptured,
      ...(endpoint === undefined ? {} : { endpoint }),
    },
  ];
}

function readPort(reader: FieldReader | undefined): Pick<IngressListener, 'port' | 'protocol' | 'name'> | undefined {
  if (reader === undefined) return undefined;
  const port = reader.port('number');
  const name = reader.string('name') ?? '';
  const protocol = readPortProtocol(reader, name);
  if (!reader.has('number')) reader.missing('number');
  reader.refuse('targetPort');
  reader.end();
  return port === undefined ? undefined : { port, protocol, name };
}

function readCaptureMode(reader: FieldReader): boolean {
  return readChoice(reader, 'captureMode', { DEFAULT: false, IPTABLES: false, NONE: true }) ?? false;
}

function readBind(reader: FieldReader): string | undefined {
  const text = reader.string('bind') ?? '';
  if (text === '') return undefined;
  const field = reader.at('bind');
  if (text.startsWith('unix:')) {
    reader.findings.error(
      'unsupported-field',
      field,
      `${field} as a Unix domain socket is not supported: write an IP address`,
    );
    return undefined;
  }
  const address = canonicalAddress(text);
  if (address === undefined) {
    reader.findings.error('invalid-address', field, `${show(text)} is not an IP address: correct it`);
  }
  return address;
}

function readDefaultEndpoint(reader: FieldReader): IngressEndpoint | undefined {
  const text = reader.string('defaultEndpoint') ?? '';
  if (text === '') return undefined;
  if (text.startsWith('unix://')) {
    const path = text.slice('unix://'.length);
    if (/^[/@]./.test(path)) return { kind: 'socket', path };
  }
  const [, host = '', digits = ''] = /^\[?([^\]]*)\]?:(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const address = canonicalAddress(host);
  if (port >= 1 && port <= 65_535) {
    if (address === '0.0.0.0' || address === '::') return { kind: 'workload', port };
    if (address === '127.0.0.1' || address === '::1') return { kind: 'loopback', address, port };
  }
  const message = `${show(text)} is not 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///PATH: correct it`;
  reader.findings.error('invalid-address', reader.at('defaultEndpoint'), message);
  return undefined;
}

function checkRepetitions(
  spec: FieldReader,
  egress: readonly EgressListener[],
  ingress: readonly IngressListener[],
): void {
  const seen = new Set<string>();
  for (const [index, { port, bind = '' }] of egress.entries()) {
    const key = port === undefined ? 'all ports' : `${bind} ${port}`;
    if (seen.has(key)) {
      const field = `spec.egress[${index}].port`;
      const message =
        port === undefined
          ? 'two egress listeners have no port: put their hosts into one'
          : `two egress listeners have port ${port} and the same bind: put their hosts into one`;
      spec.findings.error('duplicate-port', field, message);
    }
    seen.add(key);
  }
  for (const [index, { port }] of ingress.entries()) {
    if (ingress.findIndex((other) => other.port === port) === index) continue;
    spec.findings.error(
      'duplicate-port',
      `spec.ingress[${index}].port.number`,
      `port ${port} is declared twice: remove one`,
    );
  }
}
