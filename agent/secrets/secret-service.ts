// The SDS server for one Envoy, on a Unix socket that only the proxy's user can open. In: the socket's path and owner, the store of
// secrets. Out: a running server; open streams are sent every change at once, one response in flight for each.

import { chmod, chown, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import grpc from '@grpc/grpc-js';
import { xdsServices } from '../../proto/xds-service.ts';
import type { Owner } from '../owner.ts';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Log } from '../log.ts';
import type { FileSecrets } from './file-secrets.ts';
import { secretTypeUrl } from './secret-snapshot.ts';
import type { SecretStore } from './secret-store.ts';
import { DeltaSecretSubscription, WorldSecretSubscription } from './secret-subscription.ts';
import type { SecretSubscription } from './secret-subscription.ts';

export type SecretServiceOptions = {
  readonly path: string;
  /** Who may connect; undefined for this process's own user. */
  readonly owner: Owner | undefined;
  readonly store: SecretStore;
  /** Told which files are asked for; absent: none is served. */
  readonly files?: FileSecrets | undefined;
  readonly log: Log;
};

export type SecretServer = {
  /** Ends all streams and removes the socket. */
  stop(): Promise<void>;
};

// sun_path holds 108 bytes with the final zero; Linux gives a confusing error beyond that.
const maxPathBytes = 107;

/** Throws AgentError `socket-unavailable`. */
export async function startSecretService(options: SecretServiceOptions): Promise<SecretServer> {
  const { path, log } = options;
  // Envoy opens a stream for each distinct use of a secret; requests are tiny.
  const server = new grpc.Server({ 'grpc.max_concurrent_streams': 1000, 'grpc.max_receive_message_length': 65_536 });
  server.addService(
    { ...xdsServices.secret.definition },
    {
      stream: (call: SecretStream<WorldRequest>) => serve(call, new WorldSecretSubscription(), options),
      delta: (call: SecretStream<DeltaRequest>) => serve(call, new DeltaSecretSubscription(), options),
      fetch: (_call: unknown, answer: grpc.sendUnaryData<Uint8Array>) =>
        answer({ code: grpc.status.UNIMPLEMENTED, details: 'secrets are served on streams' }),
    },
  );
  const fresh = `${path}.new`;
  try {
    if (Buffer.byteLength(fresh) > maxPathBytes) throw new Error(`the path is longer than ${maxPathBytes - 4} bytes`);
    await mkdir(dirname(path), { recursive: true });
    await rm(fresh, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${fresh}`, grpc.ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    await chmod(fresh, 0o600);
    if (options.owner !== undefined) await chown(fresh, options.owner.uid, options.owner.gid);
    // Only now under its name: nobody could connect before its permissions were right, and a leftover is replaced.
    await rename(fresh, path);
  } catch (error) {
    server.forceShutdown();
    throw new AgentError('socket-unavailable', `secrets can't be served on ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  log.info({ path }, 'serving secrets');
  return {
    stop: async () => {
      server.forceShutdown();
      await rm(path, { force: true });
    },
  };
}

type WorldRequest = Parameters<WorldSecretSubscription['receive']>[0];
type DeltaRequest = Parameters<DeltaSecretSubscription['receive']>[0];
type SecretStream<Request> = grpc.ServerDuplexStream<Request, Uint8Array>;

function serve<Request extends { readonly typeUrl?: string | undefined }>(
  call: SecretStream<Request>,
  subscription: SecretSubscription<Request>,
  { store, files, log }: SecretServiceOptions,
): void {
  let writing = false;
  let ended = false;
  const flush = (): void => {
    if (writing || ended) return;
    const response = subscription.next(store.current);
    if (response === undefined) return;
    writing = true;
    // The callback is the gate: what changes meanwhile is in the next response, and nothing queues for a slow reader.
    call.write(response, () => {
      writing = false;
      flush();
    });
  };
  const stopListening = store.onChange(flush);
  const end = (): void => {
    ended = true;
    stopListening();
    files?.release(call);
  };
  call.on('data', (request: Request) => {
    if (request.typeUrl !== undefined && request.typeUrl !== '' && request.typeUrl !== secretTypeUrl) {
      end();
      const details = `${request.typeUrl} is not served here, only ${secretTypeUrl}`;
      call.emit('error', { code: grpc.status.INVALID_ARGUMENT, details });
      return;
    }
    const refusal = subscription.receive(request);
    if (refusal !== undefined) log.error({ reason: refusal.reason }, 'Envoy refused a secret');
    if (!ended) files?.want(call, subscription.names);
    flush();
  });
  call.on('end', () => {
    end();
    call.end();
  });
  call.on('cancelled', end);
  call.on('error', end);
}
