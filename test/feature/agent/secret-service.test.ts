// The secret server on a real Unix socket, read by a gRPC client whose protobuf code is not ours.

import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WorkloadCertificate } from '../../../agent/identity/workload-certificate.ts';
import { startSecretService } from '../../../agent/secrets/secret-service.ts';
import type { SecretServer } from '../../../agent/secrets/secret-service.ts';
import { secretSnapshot, secretTypeUrl } from '../../../agent/secrets/secret-snapshot.ts';
import { SecretStore } from '../../../agent/secrets/secret-store.ts';
import { decodeIndependently, loadServices } from '../../../proto/loader.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { waitFor } from '../../support/wait-for.ts';

const services = loadServices();

type AnyMessage = { readonly type_url?: string; readonly typeUrl?: string; readonly value: Buffer };
type Response = {
  readonly nonce: string;
  readonly versionInfo?: string;
  readonly resources?: readonly (AnyMessage & {
    readonly name?: string;
    readonly version?: string;
    readonly resource?: AnyMessage;
  })[];
  readonly removedResources?: readonly string[];
};
type Stream = {
  readonly responses: Response[];
  readonly errors: grpc.ServiceError[];
  send(request: object): void;
  next(count: number): Promise<Response>;
};

let directory: string;
let path: string;
let store: SecretStore;
let server: SecretServer;
let client: grpc.Client;
const { log, lines } = memoryLog();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-sds-'));
  path = join(directory, 'sds.sock');
  store = new SecretStore(secretSnapshot(undefined, { mesh: 'root 1', system: '' }));
  server = await startSecretService({ path, owner: undefined, store, log });
  client = new services.secret.Client(`unix:${path}`, grpc.credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  await server.stop();
  rmSync(directory, { recursive: true });
});

test('a certificate that is not there yet is waited for, and sent as soon as it is', async () => {
  for (const stream of [open('StreamSecrets'), open('DeltaSecrets')]) {
    stream.send(subscription('default'));
    stream.send(subscription('ROOTCA'));
    await stream.next(1);
    expect(stream.responses.flatMap((response) => secretsIn(response).map(({ name }) => name))).toEqual(['ROOTCA']);
  }
  const waiting = open('DeltaSecrets');
  waiting.send(subscription('default'));

  store.replace(secretSnapshot(certificate(1), { mesh: 'root 1', system: '' }));

  expect(secretsIn(await waiting.next(1))).toEqual([
    { name: 'default', key: 'key 1', chain: 'chain 1', roots: undefined },
  ]);
});

test('a rotation reaches every open stream, with key and chain of the same certificate in one resource', async () => {
  store.replace(secretSnapshot(certificate(1), { mesh: 'root 1', system: '' }));
  const streams = ['StreamSecrets', 'DeltaSecrets', 'DeltaSecrets'].map((method) => open(method));
  for (const stream of streams) {
    stream.send(subscription('default'));
    const { nonce, versionInfo } = await stream.next(1);
    stream.send({ ...subscription('default', { acked: true }), responseNonce: nonce, versionInfo });
  }

  for (let rotation = 2; rotation <= 20; rotation += 1)
    store.replace(secretSnapshot(certificate(rotation), { mesh: 'root 1', system: '' }));

  for (const stream of streams) {
    await waitFor(
      () => stream.responses.flatMap((response) => secretsIn(response)),
      (secrets) => secrets.at(-1)?.key === 'key 20',
      { what: 'the last certificate' },
    );
    for (const { key, chain } of stream.responses.flatMap((response) => secretsIn(response))) {
      expect(key?.replace('key', 'chain')).toBe(chain);
    }
  }
});

test('what the client has is not sent again: unchanged secrets, ACKs, and versions from before a reconnect', async () => {
  store.replace(secretSnapshot(certificate(1), { mesh: 'root 1', system: '' }));
  const before = open('DeltaSecrets');
  before.send(subscription('default'));
  const version = (await before.next(1)).resources?.[0]?.version;

  const again = open('DeltaSecrets');
  again.send({ ...subscription('default'), initialResourceVersions: { default: version } });
  again.send({ typeUrl: secretTypeUrl, resourceNamesSubscribe: ['ROOTCA'] });
  expect(secretsIn(await again.next(1)).map(({ name }) => name)).toEqual(['ROOTCA']);

  const world = open('StreamSecrets');
  world.send(subscription('ROOTCA'));
  const { nonce, versionInfo } = await world.next(1);
  world.send({ ...subscription('ROOTCA'), responseNonce: nonce, versionInfo });
  store.replace(secretSnapshot(certificate(2), { mesh: 'root 1', system: '' }));
  store.replace(secretSnapshot(certificate(2), { mesh: 'root 2', system: '' }));
  await world.next(2);
  expect(world.responses.map((response) => secretsIn(response)[0]?.roots)).toEqual(['root 1', 'root 2']);
});

test('a refusal by Envoy is logged with its reason, and the next change is sent all the same', async () => {
  const stream = open('DeltaSecrets');
  stream.send(subscription('ROOTCA'));
  const { nonce } = await stream.next(1);
  stream.send({ typeUrl: secretTypeUrl, responseNonce: nonce, errorDetail: { code: 3, message: 'no such curve' } });
  await waitFor(
    () => lines.map((line) => line['reason']),
    (reasons) => reasons.includes('no such curve'),
    { what: 'a log line' },
  );

  store.replace(secretSnapshot(undefined, { mesh: 'root 2', system: '' }));
  expect(secretsIn(await stream.next(2))[0]?.roots).toBe('root 2');
});

test('a name that is never served is answered as removed; another type ends the stream with INVALID_ARGUMENT', async () => {
  const unknown = open('DeltaSecrets');
  unknown.send(subscription('no-such-secret'));
  expect((await unknown.next(1)).removedResources).toEqual(['no-such-secret']);

  const wrong = open('DeltaSecrets');
  wrong.send({ typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster', resourceNamesSubscribe: ['x'] });
  await waitFor(
    () => wrong.errors,
    (errors) => errors.length > 0,
    { what: 'an error' },
  );
  expect(wrong.errors[0]?.code).toBe(grpc.status.INVALID_ARGUMENT);

  unknown.send(subscription('ROOTCA'));
  expect(secretsIn(await unknown.next(2))[0]?.roots).toBe('root 1');
});

test('only the owner can open the socket, and a leftover of an earlier run is replaced', async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const leftover = join(directory, 'left.sock');
  writeFileSync(leftover, '');
  const root = process.getuid?.() === 0;
  if (root) chownSync(leftover, 7, 7);
  const owner = root ? { uid: 1337, gid: 1337 } : undefined;

  const second = await startSecretService({ path: leftover, owner, store, log });

  expect(statSync(leftover)).toMatchObject({ uid: root ? 1337 : process.getuid?.() });
  expect(statSync(leftover).isSocket()).toBe(true);
  await second.stop();
});

test('a path that is too long for a socket is refused in words', async () => {
  const long = join(directory, 'x'.repeat(120));
  await expect(startSecretService({ path: long, owner: undefined, store, log })).rejects.toThrow(
    /longer than 103 bytes/,
  );
});

function certificate(number: number): WorkloadCertificate {
  const texts = { keyPem: `key ${number}`, chainPem: `chain ${number}`, rootsPem: '' };
  return { ...texts, spiffeId: '', serialNumber: String(number), notAfterMs: 0 };
}

// One object that is a subscription in both variants; each reads the fields it has.
function subscription(name: string, options: { readonly acked?: boolean } = {}): object {
  const delta = options.acked === true ? {} : { resourceNamesSubscribe: [name] };
  return { typeUrl: secretTypeUrl, resourceNames: [name], ...delta };
}

function open(method: string): Stream {
  const definition = services.secret.definition[method];
  if (definition === undefined) throw new Error(method);
  const { path: url, requestSerialize, responseDeserialize } = definition;
  const call = client.makeBidiStreamRequest<object, Response>(
    url,
    requestSerialize as (value: object) => Buffer,
    responseDeserialize as (bytes: Buffer) => Response,
    new grpc.Metadata(),
  );
  const responses: Response[] = [];
  const errors: grpc.ServiceError[] = [];
  call.on('data', (response: Response) => responses.push(response));
  call.on('error', (error: grpc.ServiceError) => errors.push(error));
  return {
    responses,
    errors,
    send: (request) => void call.write(request),
    next: async (count) => {
      const seen = await waitFor(
        () => responses,
        ({ length }) => length >= count,
        { what: `response ${count}`, intervalMs: 5 },
      );
      const response = seen[count - 1];
      if (response === undefined) throw new Error('no response');
      return response;
    },
  };
}

type DecodedSecret = {
  readonly name: string;
  readonly tlsCertificate?: {
    readonly certificateChain: { readonly inlineBytes: Buffer };
    readonly privateKey: { readonly inlineBytes: Buffer };
  };
  readonly validationContext?: { readonly trustedCa: { readonly inlineBytes: Buffer } };
};

function secretsIn(response: Response) {
  return (response.resources ?? []).map((resource) => {
    const { value } = resource.resource ?? resource;
    const secret = decodeIndependently(secretTypeUrl, value) as DecodedSecret;
    return {
      name: secret.name,
      key: secret.tlsCertificate?.privateKey.inlineBytes.toString(),
      chain: secret.tlsCertificate?.certificateChain.inlineBytes.toString(),
      roots: secret.validationContext?.trustedCa.inlineBytes.toString(),
    };
  });
}
