// `isthmus ca` as a process of its own: what it writes, says and exits with.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCaFiles } from '../../../ca/ca-files.ts';
import { ok } from '../../support/certificate-authority.ts';
import { Openssl } from '../../support/openssl.ts';

const command = pathToFileURL(join(import.meta.dirname, '../../../server/cli/ca.ts')).href;
const program = `import { caCommand } from ${JSON.stringify(command)};
await caCommand().parseAsync(process.argv.slice(1), { from: 'user' });`;

interface Outcome {
  readonly exitCode: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function ca(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', program, ...args], (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

describe('isthmus ca', () => {
  let dir: string;
  let root: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'isthmus-ca-command-'));
    root = join(dir, 'root');
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('makes a root, and intermediates of two instances that lead to it', async () => {
    const made = await ca('init', '--dir', root, '--trust-domain', 'example.org');
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    expect(made.stdout).toContain(`Wrote ${root}/root-cert.pem and ${root}/root-key.pem: run \`isthmus ca issue`);
    expect(made.stdout.trimEnd().split('\n')).toHaveLength(1);
    await using openssl = await Openssl.create();
    for (const clusterId of ['cluster-1', 'cluster-2']) {
      const issued = await ca('issue', '--root', root, '--dir', join(dir, clusterId), '--cluster-id', clusterId);
      expect(issued).toMatchObject({ exitCode: 0, stderr: '' });
      expect(issued.stdout).toContain(`isthmus serve --ca-dir ${join(dir, clusterId)}`);
      expect((await readdir(join(dir, clusterId))).toSorted()).toEqual([
        'ca-cert.pem',
        'ca-key.pem',
        'cert-chain.pem',
        'root-cert.pem',
      ]);
      const material = ok(await loadCaFiles(join(dir, clusterId), Date.now()));
      expect(material.certificate.x509.subject).toContain(clusterId);
      const chain = [join(root, 'root-cert.pem'), join(dir, clusterId, 'ca-cert.pem')] as const;
      expect(await openssl.run('verify', '-x509_strict', '-CAfile', ...chain)).toBe(`${chain[1]}: OK\n`);
      expect(await openssl.run('x509', '-in', chain[1], '-noout', '-text')).toContain('CA:TRUE, pathlen:0');
    }
  });

  it('keeps keys to their owner', async () => {
    await ca('init', '--dir', root);
    await ca('issue', '--root', root, '--dir', join(dir, 'one'), '--cluster-id', 'one');
    for (const key of [join(root, 'root-key.pem'), join(dir, 'one', 'ca-key.pem')]) {
      expect((await stat(key)).mode & 0o777).toBe(0o600);
    }
  });

  it('never replaces what is there, unless told so', async () => {
    await ca('init', '--dir', root);
    const before = await readFile(join(root, 'root-cert.pem'), 'utf8');
    const again = await ca('init', '--dir', root);
    expect(again).toMatchObject({ exitCode: 1, stdout: '' });
    expect(again.stderr).toBe(
      `isthmus ca init: ${root}/root-key.pem exists already: choose another directory, or replace it with --force.\n`,
    );
    expect(await readFile(join(root, 'root-cert.pem'), 'utf8')).toBe(before);
    expect(await ca('init', '--dir', root, '--force')).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(root, 'root-cert.pem'), 'utf8')).not.toBe(before);
    const issue = ['issue', '--root', root, '--dir', join(dir, 'one'), '--cluster-id', 'one'];
    expect(await ca(...issue)).toMatchObject({ exitCode: 0 });
    expect(await ca(...issue)).toMatchObject({ exitCode: 1 });
    expect(await ca(...issue, '--force')).toMatchObject({ exitCode: 0 });
  });

  it('lets one of several that run at once win', async () => {
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => ca('init', '--dir', root)));
    expect(outcomes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    const issued = await ca('issue', '--root', root, '--dir', join(dir, 'one'), '--cluster-id', 'one');
    expect(issued).toMatchObject({ exitCode: 0 });
  });

  it('makes keys of the kind and certificates of the life that are asked for', async () => {
    await ca('init', '--dir', root, '--key-type', 'rsa-2048', '--ttl', '10d');
    const one = ['issue', '--root', root, '--dir', join(dir, 'one'), '--cluster-id', 'one'];
    await ca(...one, '--key-type', 'ecdsa-p384', '--ttl', '30d');
    const material = ok(await loadCaFiles(join(dir, 'one'), Date.now()));
    expect(material.algorithm.hash).toBe('sha384');
    expect(material.roots[0]?.x509.publicKey.asymmetricKeyType).toBe('rsa');
    // The intermediate ends with its root.
    expect(material.certificate.notAfterMs).toBe(material.roots[0]?.notAfterMs);
  });

  it('says in one sentence what is wrong, and exits with 1, or with 2 when it was used wrongly', async () => {
    const missing = await ca('issue', '--root', root, '--dir', join(dir, 'one'), '--cluster-id', 'one');
    expect(missing).toMatchObject({ exitCode: 1, stdout: '' });
    expect(missing.stderr).toContain(`${root}/root-cert.pem is missing: run \`isthmus ca init\``);
    expect(await ca('init', '--dir', root, '--ttl', 'soon')).toMatchObject({ exitCode: 2 });
    expect(await ca('init', '--dir', root, '--trust-domain', 'Not/One')).toMatchObject({
      exitCode: 1,
      stderr: 'isthmus ca init: "Not/One" is not a trust domain.\n',
    });
    await ca('init', '--dir', root);
    const belowFile = await ca('init', '--dir', join(root, 'root-cert.pem', 'below'));
    expect(belowFile).toMatchObject({ exitCode: 1, stdout: '' });
    expect(belowFile.stderr).toContain('ENOTDIR');
  });
});
