// The door of an instance as its options want it, with its metrics and its log.

import type { Registry } from 'prom-client';
import { Admission, admissionClock, type Servants } from './admission/admission.ts';
import { defaultAdmissionLimits } from './admission/admission-limits.ts';
import { AdmissionMetrics } from './admission/admission-metrics.ts';
import { ProxyLimit } from './admission/proxy-limit.ts';
import { RefusalLog } from './admission/refusal-log.ts';
import type { ServeConfig } from './config.ts';
import type { GrpcPortOptions } from './grpc/grpc-port.ts';
import type { Log } from './log.ts';
import type { SnapshotSource } from './stream/snapshot-source.ts';

export interface OpenedAdmission {
  readonly admission: Admission;
  /** The same proxies, up to the limit. */
  readonly proxies: SnapshotSource;
  readonly onEnded: GrpcPortOptions['onEnded'];
}

export function openAdmission(options: {
  readonly config: Pick<ServeConfig, 'maxProxies' | 'maxHandshakesPerSecond' | 'maxRequestsPerSecond'>;
  readonly log: Log;
  readonly registry: Registry;
  readonly proxies: SnapshotSource;
  readonly servants: Servants | undefined;
}): OpenedAdmission {
  const { config, log, registry, servants } = options;
  const { handshakes, requests } = defaultAdmissionLimits;
  const counts = new AdmissionMetrics(registry);
  const admission = new Admission({
    limits: {
      ...defaultAdmissionLimits,
      handshakes: { ...handshakes, perSecond: config.maxHandshakesPerSecond },
      requests: { ...requests, perSecond: config.maxRequestsPerSecond },
    },
    counts,
    servants,
  });
  const proxies = new ProxyLimit(options.proxies, config.maxProxies);
  counts.observe({ admission, proxies });
  const refusals = new RefusalLog({ log, after: admissionClock.after });
  return {
    admission,
    proxies,
    onEnded: (call, { code, message }) => {
      const { address, path, certificate } = call;
      refusals.ended({ code, message, address, path, identities: certificate?.uris ?? [] });
    },
  };
}
