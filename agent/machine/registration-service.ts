// The stream by which a machine is registered: it is open as long as the machine is there, and says how its workload is. In: where the
// control plane is, who registers. It is opened again for as long as it takes, and begins with what was said last.

import grpc from '@grpc/grpc-js';
import type { DeltaDiscoveryRequest } from '../../proto/generated/envoy.service.discovery.v3.ts';
import { xdsServices } from '../../proto/xds-service.ts';
import { reasonOf } from '../agent-error.ts';
import { delayAfterFailures, type BackOff } from '../back-off.ts';
import { controlPlaneClient, type OwnStreamOptions } from '../control-plane-client.ts';

/** Its node has AUTO_REGISTER_GROUP in its metadata. */
export type RegistrationOptions = OwnStreamOptions;

const typeUrl = 'type.googleapis.com/istio.v1.HealthInformation';
/** Shorter than the grace period of a control plane, within which a machine has to be back. */
const backOff: BackOff = { firstMs: 250, longestMs: 5000 };

/** For the control plane to take what was said last. */
const lastWordsMs = 1000;

type Said = { readonly trouble: string | undefined };

export class Registration {
  readonly #options: RegistrationOptions;
  /** Undefined while nothing is known of the workload. */
  #said: Said | undefined;
  #send: ((request: DeltaDiscoveryRequest) => void) | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Says how the workload is. `trouble`: why it is not ready; undefined when it is. */
  report(trouble: string | undefined): void {
    this.#said = { trouble };
    this.#send?.(healthRequest(this.#said));
  }

  /** Keeps the machine registered until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedMs = clock.now();
      const reason = await this.#once(signal);
      if (signal.aborted) return;
      failures = clock.now() - startedMs >= backOff.longestMs ? 1 : failures + 1;
      log[failures === 3 ? 'warn' : 'info']({ failures }, `the stream of the registration ended: ${reason}`);
      await clock.sleep(delayAfterFailures(backOff, failures, random), signal);
    }
  }

  #once(signal: AbortSignal): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { address, clusterId, node, clock, log } = this.#options;
    let client: grpc.Client;
    try {
      client = controlPlaneClient(this.#options);
    } catch (error) {
      return Promise.resolve(reasonOf(error));
    }
    const { path, requestSerialize, responseDeserialize } = xdsServices.aggregated.definition.delta;
    const metadata = new grpc.Metadata();
    metadata.set('clusterid', clusterId);
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    const over = new AbortController();
    const end = (): void => {
      // What was said last is still sent.
      call.end();
      void clock.sleep(lastWordsMs, over.signal).then(() => call.cancel());
    };
    signal.addEventListener('abort', end, { once: true });
    call.on('metadata', () => log.info({ address }, 'connected to be registered'));
    call.on('data', () => undefined); // There is nothing to be told.
    call.on('error', () => undefined); // Told by the status.
    call.on('status', ({ code, details }) => {
      this.#send = undefined;
      over.abort();
      signal.removeEventListener('abort', end);
      client.close();
      resolve(`${address}: ${grpc.status[code]}${details === '' ? '' : `: ${details}`}`);
    });
    this.#send = (request) => void call.write(request);
    // While nothing is known, only who is there: the type that every machine's proxy is told of in any case.
    if (this.#said === undefined) call.write({ node, typeUrl: 'type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig' });
    else call.write({ node, ...healthRequest(this.#said) });
    return promise;
  }
}

function healthRequest({ trouble }: Said): DeltaDiscoveryRequest {
  if (trouble === undefined) return { typeUrl };
  return { typeUrl, errorDetail: { code: grpc.status.UNAVAILABLE, message: trouble } };
}
