// What MeshConfig says of connections and requests where no DestinationRule or VirtualService says otherwise. In: its fields. Out: those
// that are there.

import type { MeshTraffic } from '../model/mesh-config.ts';
import type { TcpKeepalive } from '../model/policy.ts';
import { readChoice } from './choice.ts';
import { readDuration } from './duration.ts';
import type { FieldReader } from './field-reader.ts';
import { readRetries } from './route-retries.ts';

const mostProbes = 2_147_483_647;

/** Over what holds without the fields. */
export function readMeshTraffic(reader: FieldReader, defaults: MeshTraffic): MeshTraffic {
  const keepalive = reader.object('tcpKeepalive');
  const upgrade = readChoice(reader, 'h2UpgradePolicy', { DO_NOT_UPGRADE: false, UPGRADE: true });
  const retries = readRetries(reader.object('defaultHttpRetryPolicy'));
  const dnsRefreshMs = readDuration(reader, 'dnsRefreshRate', 2);
  const minTls = readMinTls(reader);
  const read: MeshTraffic = {
    ...(keepalive === undefined ? {} : { keepalive: readKeepalive(keepalive) }),
    ...(upgrade === undefined ? {} : { upgradesToHttp2: upgrade }),
    ...(retries === undefined ? {} : { retries }),
    ...(dnsRefreshMs === undefined ? {} : { dnsRefreshMs }),
    ...(minTls === undefined ? {} : { minTls }),
  };
  return { ...defaults, ...read };
}

export function readKeepalive(reader: FieldReader): TcpKeepalive {
  const probes = reader.integer('probes', 0, mostProbes);
  const timeMs = readDuration(reader, 'time', 1000);
  const intervalMs = readDuration(reader, 'interval', 1000);
  reader.end();
  return {
    ...(probes === undefined || probes === 0 ? {} : { probes }),
    ...(timeMs === undefined ? {} : { timeMs }),
    ...(intervalMs === undefined ? {} : { intervalMs }),
  };
}

/** Of the mesh's own TLS. */
function readMinTls(outer: FieldReader): MeshTraffic['minTls'] {
  const reader = outer.object('meshMTLS');
  if (reader === undefined) return undefined;
  const versions = { TLS_AUTO: '1.2', TLSV1_2: '1.2', TLSV1_3: '1.3' } as const;
  const version = readChoice<'1.2' | '1.3'>(reader, 'minProtocolVersion', versions);
  reader.warnRest();
  return version;
}
