// Follows the control plane's name table over an xDS stream of its own. In: where it is, who asks. Out: every table that comes;
// the stream is opened again for as long as it takes, and what was received last stays in force meanwhile.

import grpc from '@grpc/grpc-js';
import { decode } from '../../proto/codec.ts';
import {
  DeltaDiscoveryResponse,
  type DeltaDiscoveryRequest,
} from '../../proto/generated/envoy.service.discovery.v3.ts';
import { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { xdsServices } from '../../proto/xds-service.ts';
import { reasonOf } from '../agent-error.ts';
import { delayAfterFailures, type BackOff } from '../back-off.ts';
import { controlPlaneClient, type OwnStreamOptions } from '../control-plane-client.ts';

export type NameTableFeedOptions = OwnStreamOptions & {
  readonly onTable: (table: NameTable) => void;
};

const backOff: BackOff = { firstMs: 500, longestMs: 30_000 };

/** Follows the table until the signal aborts. Never rejects. */
export async function followNameTable(options: NameTableFeedOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, log } = options;
  const held: Held = { version: undefined, name: '' };
  let failures = 0;
  while (!signal.aborted) {
    const { served, reason } = await followOnce(options, held, signal);
    if (signal.aborted) return;
    failures = served ? 1 : failures + 1;
    const words = { failures, table: held.version === undefined ? 'none yet' : 'the last one stays in force' };
    // A control plane that restarts is nothing to warn of; one that stays away is.
    if (failures === 3) log.warn(words, `no name table: ${reason}`);
    else log.info(words, `the name table's stream ended: ${reason}`);
    await clock.sleep(delayAfterFailures(backOff, failures, random), signal);
  }
}

/** What the control plane need not send again. */
type Held = { version: string | undefined; name: string };

function followOnce(
  options: NameTableFeedOptions,
  held: Held,
  signal: AbortSignal,
): Promise<{ readonly served: boolean; readonly reason: string }> {
  const { promise, resolve } = Promise.withResolvers<{ served: boolean; reason: string }>();
  let served = false;
  let client: grpc.Client;
  try {
    client = controlPlaneClient(options);
  } catch (error) {
    return Promise.resolve({ served, reason: reasonOf(error) });
  }
  const { path, requestSerialize, responseDeserialize } = xdsServices.aggregated.definition.delta;
  const metadata = new grpc.Metadata();
  metadata.set('clusterid', options.clusterId);
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  const send = (request: DeltaDiscoveryRequest): void => void call.write(request);
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  call.on('metadata', () => {
    served = true;
  });
  call.on('data', (bytes: Uint8Array) => {
    served = true;
    send(receive(bytes, held, options));
  });
  call.on('error', () => undefined); // Told by the status.
  call.on('status', ({ code, details }) => {
    signal.removeEventListener('abort', cancel);
    client.close();
    resolve({ served, reason: `${options.address}: ${grpc.status[code]}${details === '' ? '' : `: ${details}`}` });
  });
  send({
    node: options.node,
    typeUrl: NameTable.typeUrl,
    ...(held.version === undefined ? {} : { initialResourceVersions: { [held.name]: held.version } }),
  });
  return promise;
}

/** Takes a response; returns the answer to it. */
function receive(bytes: Uint8Array, held: Held, { onTable, log }: NameTableFeedOptions): DeltaDiscoveryRequest {
  let nonce = '';
  try {
    const response = decode(DeltaDiscoveryResponse, bytes);
    nonce = response.nonce ?? '';
    // There is one table; an answer without it has nothing to say.
    const [resource] = response.resources ?? [];
    if (resource?.resource?.value !== undefined) {
      onTable(decode(NameTable, resource.resource.value));
      held.version = resource.version ?? '';
      held.name = resource.name ?? '';
    }
    return { typeUrl: NameTable.typeUrl, responseNonce: nonce };
  } catch (error) {
    log.warn(`a name table can't be read: ${reasonOf(error)}`);
    return {
      typeUrl: NameTable.typeUrl,
      responseNonce: nonce,
      errorDetail: { code: grpc.status.INVALID_ARGUMENT, message: reasonOf(error) },
    };
  }
}
