// The gRPC ports of an instance: xDS in plaintext, xDS and certificates over TLS.

import type { CaError } from '../ca/ca-error.ts';
import type { Admission } from './admission/admission.ts';
import { systemClock } from '../ca/clock.ts';
import type { Issuer } from '../ca/issuer.ts';
import { serverDnsNames } from '../ca/server-dns-names.ts';
import type { Authenticators } from './authenticators.ts';
import { caMethods, type CaCounters } from './ca-service.ts';
import { ConfigError, type ServeConfig } from './config.ts';
import type { GrpcPortOptions } from './grpc/grpc-port.ts';
import type { Started } from './lifecycle.ts';
import type { Log } from './log.ts';
import { createPeerAuthenticator } from './stream/peer-authenticator.ts';
import type { StreamContext } from './stream/stream-context.ts';
import { xdsMethods } from './stream/xds-service.ts';
import { renewingTlsCredentials } from './tls-credentials.ts';
import type { WorkerPool } from './workers/worker-pool.ts';
import { openGrpcPort } from './workers/worker-port.ts';

export interface GrpcPortsOptions {
  readonly config: ServeConfig;
  readonly log: Log;
  readonly started: Started;
  readonly context: StreamContext;
  /** Absent: no TLS port. */
  readonly authority?: { readonly issuer: Issuer; readonly authenticators: Authenticators } | undefined;
  readonly counters: CaCounters;
  readonly admission: Admission;
  /** Told how each call ends. */
  readonly onEnded: GrpcPortOptions['onEnded'];
  /** Absent: this process serves the connections. */
  readonly workers: WorkerPool | undefined;
}

/** After the drain, connections that are left get this long to close. */
const closeGraceMs = 1000;

/** Opens the ports that are configured. @throws ConfigError when an address can't be had */
export async function openGrpcPorts(options: GrpcPortsOptions): Promise<void> {
  const { config, log, context, admission, onEnded } = options;
  if (config.ports.xds !== 0) {
    const anonymous = createPeerAuthenticator();
    await open('--xds-port', options, {
      address: `${config.plaintextBind}:${String(config.ports.xds)}`,
      methods: admission.methods(xdsMethods({ context, authenticator: anonymous, tls: false })),
      admit: (newcomer) => admission.connection(newcomer),
      onEnded,
      onError: unserved(log),
      limits: { maxConnectionAgeMs: config.maxStreamAgeMs },
    });
  }
  await openTlsPort(options);
}

async function openTlsPort(options: GrpcPortsOptions): Promise<void> {
  const { config, log, started, context, authority, counters, admission, onEnded } = options;
  if (authority === undefined) return;
  const { issuer, authenticators } = authority;
  const stop = new AbortController();
  const tls = await renewingTlsCredentials({
    issuer,
    dnsNames: serverDnsNames({ systemNamespace: config.systemNamespace, revision: config.revision }),
    clock: systemClock,
    signal: stop.signal,
    onFailure: (error: CaError) => log.error({ error }, "the server's own certificate could not be renewed"),
  });
  started.add('server certificate', async () => {
    stop.abort();
    await tls.stopped;
  });
  await open('--xds-tls-port', options, {
    address: `${config.bind}:${String(config.ports.xdsTls)}`,
    tls: tls.tls,
    methods: admission.methods(
      new Map([
        ...xdsMethods({ context, authenticator: authenticators.peers, tls: true }),
        ...caMethods({
          issuer,
          authenticator: authenticators.callers,
          counters,
          onInternalError: (error) => log.error({ error }, 'a certificate could not be issued'),
        }),
      ]),
    ),
    admit: (newcomer) => admission.connection(newcomer),
    onEnded,
    onError: unserved(log),
    limits: { maxConnectionAgeMs: config.maxStreamAgeMs },
  });
}

function unserved(log: Log): GrpcPortOptions['onError'] {
  return (error) => log.error({ error }, 'a call could not be served');
}

async function open(option: string, { started, workers }: GrpcPortsOptions, options: GrpcPortOptions): Promise<void> {
  try {
    const port = await openGrpcPort(options, workers);
    started.add(`port ${options.address}`, () => port.close(AbortSignal.timeout(closeGraceMs)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${option}: can't listen on ${options.address} (${reason}); choose another port, or 0.`);
  }
}
