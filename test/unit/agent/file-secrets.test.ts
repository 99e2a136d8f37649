// Certificates in files beside the proxy, as the agent serves them: what is read, and what happens when files change.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseFileSecret, readFileSecret } from '../../../agent/secrets/file-secret.ts';
import { FileSecrets } from '../../../agent/secrets/file-secrets.ts';
import { SecretStore } from '../../../agent/secrets/secret-store.ts';
import { decode } from '../../../proto/codec.ts';
import { Secret } from '../../../proto/generated/envoy.extensions.transport_sockets.tls.v3.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { run } from '../../support/process.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { waitFor } from '../../support/wait-for.ts';
import { makeOutsideAuthority, type OutsideAuthority } from '../../support/server-certificate.ts';

test.each([
  ['file-cert:/a/tls.crt~/a/tls.key', { kind: 'certificate', chain: '/a/tls.crt', key: '/a/tls.key' }],
  ['file-root:/a/ca.crt', { kind: 'roots', path: '/a/ca.crt' }],
  ['file-root:system', undefined],
  ['file-root:ca.crt', undefined],
  ['file-cert:/a/tls.crt', undefined],
  ['file-cert:/a~/b~/c', undefined],
  ['default', undefined],
])('%s', (name, files) => {
  expect(parseFileSecret(name)).toEqual(files);
});

test.each(['a device without an end', 'a pipe that nobody writes to', 'a directory', 'a file that is too long'])(
  '%s is not read',
  async (what) => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-odd-'));
    try {
      const path = what === 'a device without an end' ? '/dev/zero' : join(directory, 'it');
      if (what === 'a pipe that nobody writes to') await run(['mkfifo', path]);
      if (what === 'a directory') await mkdir(path);
      if (what === 'a file that is too long') await writeFile(path, ' '.repeat(1024 * 1024 + 1));
      await expect(readFileSecret(`file-root:${path}`, { kind: 'roots', path })).rejects.toMatchObject({
        code: 'unreadable-file',
      });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

describe('files that are asked for', () => {
  const client = {};
  const stop = new AbortController();
  let directory: string;
  let authority: OutsideAuthority;
  let store: SecretStore;
  let secrets: FileSecrets;
  let clock: FakeClock;
  let running: Promise<void>;
  let log: ReturnType<typeof memoryLog>;

  const at = (name: string): string => join(directory, name);
  const pair = (): string => `file-cert:${at('tls.crt')}~${at('tls.key')}`;
  const held = (name: string): Secret | undefined => {
    const secret = store.current.get(name);
    return secret === undefined ? undefined : decode(Secret, secret.bytes);
  };
  const keyOf = (name: string): string =>
    Buffer.from(held(name)?.tlsCertificate?.privateKey?.inlineBytes ?? []).toString();
  const read = async (): Promise<void> => {
    await clock.untilNextWakeMs();
  };
  const said = (): string => JSON.stringify(log.lines);
  const later = async (): Promise<void> => {
    clock.advance(2000);
    await read();
  };
  const writePair = async (): Promise<string> => {
    const { certificatePem, keyPem } = await authority.leaf('a.example');
    await writeFile(at('tls.crt'), certificatePem);
    await writeFile(at('tls.key'), keyPem);
    return keyPem;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-files-'));
    authority = await makeOutsideAuthority();
    store = new SecretStore(new Map());
    clock = new FakeClock();
    log = memoryLog();
    secrets = new FileSecrets({ store, clock, log: log.log });
    running = secrets.run(stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await authority[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  test('are waited for, read again, kept while they are broken, and forgotten when nobody wants them', async () => {
    await read();
    secrets.want(client, [pair(), 'default']);
    await waitFor(said, (text) => text.includes("can't be read"), { what: 'word of the missing file' });
    expect(held(pair())).toBeUndefined();

    const first = await writePair();
    await later();
    expect(keyOf(pair())).toBe(first);

    await writeFile(at('tls.crt'), (await authority.leaf('b.example')).certificatePem);
    await later();
    expect(keyOf(pair())).toBe(first);
    expect(said()).toContain('is not the private key');

    const second = await writePair();
    await later();
    expect(keyOf(pair())).toBe(second);

    secrets.release(client);
    expect(store.current.size).toBe(0);

    // Whoever may name files may name any: only certificates of them go on.
    const { certificatePem, keyPem } = await authority.leaf('c.example');
    await writeFile(at('ca.crt'), `a password\n${keyPem}${certificatePem}`);
    await writeFile(at('shadow'), 'root:secret:1:0');
    secrets.want(client, [`file-root:${at('ca.crt')}`, `file-root:${at('shadow')}`]);
    await later();
    const roots = held(`file-root:${at('ca.crt')}`)?.validationContext?.trustedCa?.inlineBytes ?? [];
    expect(Buffer.from(roots).toString()).toBe(certificatePem);
    expect(held(`file-root:${at('shadow')}`)).toBeUndefined();
  });
});
