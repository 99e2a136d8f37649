// Where an instance on Kubernetes has its authority from, on a real API server and with exactly the rights of a primary.

import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { KubeError } from '../../../discovery/source/kube/kube-error.ts';
import { AuthorityComplaint } from '../../../server/authority-complaint.ts';
import { writeAuthorityCopy } from '../../../server/kube/authority-copy.ts';
import { followAuthoritySecrets } from '../../../server/kube/follow-authority.ts';
import { loadAuthorityFromSecrets } from '../../../server/kube/load-authority.ts';
import type { PrimaryClient } from '../../../server/kube/primary-client.ts';
import { startAuthority } from '../../../server/kube/start-authority.ts';
import { freePort } from '../../support/authority-server.ts';
import { failure, makeAuthority, ok, type TestAuthority } from '../../support/certificate-authority.ts';
import { asPrimary, primaryClient, secretObject, systemNamespace } from '../../support/kube-primary.ts';
import { startKubeCluster, type KubeCluster } from '../../support/kube.ts';
import { memoryLog, type LogLine } from '../../support/memory-log.ts';
import { startProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';

const signal = new AbortController().signal;
const trustDomain = 'cluster.local';

let cluster: KubeCluster;
let kubeconfig: string;
let first: TestAuthority;
let second: TestAuthority;
let client: PrimaryClient;

beforeAll(async () => {
  [cluster, first, second] = await Promise.all([startKubeCluster(), makeAuthority(), makeAuthority()]);
  kubeconfig = await asPrimary(cluster);
}, 900_000);

afterAll(async () => {
  await cluster.stop();
});

beforeEach(() => {
  client = primaryClient(kubeconfig);
});

afterEach(async () => {
  client.close();
  await cluster.api.delete(cacerts({}), secretObject(systemNamespace, 'istio-ca-secret', {}));
});

const cacerts = (files: Readonly<Record<string, string>>) => secretObject(systemNamespace, 'cacerts', files);
const load = () => loadAuthorityFromSecrets({ client, trustDomain }, signal);

interface Running {
  readonly issuer: Issuer;
  readonly complaint: AuthorityComplaint;
  readonly lines: readonly LogLine[];
}

/** An issuer that follows the Secrets as a running instance does. */
async function runIssuer(): Promise<Running> {
  const found = await load();
  if (found instanceof KubeError) throw found;
  const issuer = new Issuer({ material: ok(found), clock: systemClock });
  const { log, lines } = memoryLog();
  const complaint = new AuthorityComplaint(log);
  const stop = new AbortController();
  const followed = followAuthoritySecrets({ client, issuer, complaint, log }, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await followed;
  });
  return { issuer, complaint, lines };
}

const fingerprint = ({ issuer }: Running) => issuer.material.certificate.fingerprint;

describe('Secret cacerts', () => {
  it('is signed with before a self-signed root that is there too', async () => {
    await load();
    await cluster.api.apply(cacerts(first.files));
    expect(await load()).toMatchObject({ rootsPem: first.material.rootsPem });
  });

  it('is read in the form of a TLS Secret', async () => {
    const { files } = first;
    await cluster.api.apply(
      secretObject(
        systemNamespace,
        'cacerts',
        { 'tls.crt': files['cert-chain.pem'], 'tls.key': files['ca-key.pem'], 'ca.crt': files['root-cert.pem'] },
        'kubernetes.io/tls',
      ),
    );
    expect(await load()).toMatchObject({ rootFingerprints: first.material.rootFingerprints });
  });

  it('is read again when it changes, without a restart', async () => {
    await cluster.api.apply(cacerts(first.files));
    const running = await runIssuer();
    expect(fingerprint(running)).toBe(first.material.certificate.fingerprint);
    await cluster.api.apply(cacerts(second.files));
    await waitFor(
      () => fingerprint(running),
      (now) => now === second.material.certificate.fingerprint,
      {
        what: 'the other authority',
      },
    );
    expect(running.lines.map(({ msg }) => msg)).toContainEqual(expect.stringMatching(/^no root stayed trusted/));
  });

  it('that is broken changes nothing and is a finding of the primary, and works again when it is repaired', async () => {
    await cluster.api.apply(cacerts(first.files));
    const running = await runIssuer();
    await cluster.api.apply(cacerts({ ...second.files, 'ca-key.pem': first.files['ca-key.pem'] }));
    await waitFor(
      () => running.lines.filter(({ level }) => level >= 50),
      (errors) => errors.length > 0,
      {
        what: 'the complaint',
      },
    );
    expect(running.complaint.problems).toMatchObject([{ severity: 'error', code: 'authority-unusable' }]);
    expect(running.lines.at(-1)?.msg).toMatch(
      /^The key in ca-key\.pem of Secret istio-system\/cacerts does not belong/,
    );
    expect(fingerprint(running)).toBe(first.material.certificate.fingerprint);
    await cluster.api.apply(cacerts(second.files));
    await waitFor(
      () => fingerprint(running),
      (now) => now === second.material.certificate.fingerprint,
      {
        what: 'the repaired authority',
      },
    );
    expect(running.complaint.problems).toEqual([]);
  });

  it('that is deleted goes on being signed with, and does not bring back an older self-signed root', async () => {
    await load();
    await cluster.api.apply(cacerts(first.files));
    const running = await runIssuer();
    // It is known that the Secret is followed when a change was seen.
    await cluster.api.apply(cacerts(second.files));
    await waitFor(
      () => fingerprint(running),
      (now) => now === second.material.certificate.fingerprint,
      {
        what: 'the other authority',
      },
    );
    await cluster.api.delete(cacerts({}));
    await waitFor(
      () => running.lines.at(-1)?.msg,
      (msg) => msg?.includes('is gone') === true,
      { what: 'the complaint' },
    );
    expect(fingerprint(running)).toBe(second.material.certificate.fingerprint);
  });

  it('without a key that it needs is refused with a sentence that names it', async () => {
    const { 'ca-key.pem': _key, ...rest } = first.files;
    await cluster.api.apply(cacerts(rest));
    const found = failure(await load());
    expect(found.code).toBe('file-missing');
    expect(found.message).toMatch(/^ca-key\.pem of Secret istio-system\/cacerts is missing/);
  });
});

describe('Secret istio-ca-secret', () => {
  it('is made once by two replicas that start at the same time', async () => {
    const other = primaryClient(kubeconfig);
    onTestFinished(() => other.close());
    const both = await Promise.all([load(), loadAuthorityFromSecrets({ client: other, trustDomain }, signal)]);
    const [one, two] = both.map((found) => {
      if (found instanceof KubeError) throw found;
      return ok(found);
    });
    expect(one?.certificate.fingerprint).toBe(two?.certificate.fingerprint);
    const secret = await cluster.api.get(`/api/v1/namespaces/${systemNamespace}/secrets/istio-ca-secret`);
    expect(secret).toMatchObject({ type: 'istio.io/ca-root' });
  });

  it('is found again by the next start', async () => {
    const before = await load();
    expect(before).not.toBeInstanceOf(Error);
    expect(await load()).toEqual(before);
  });
});

describe('while the API server is down', () => {
  const nowhere = async (): Promise<string> => {
    const path = cluster.file('nowhere.kubeconfig');
    const text = await cluster.kubeconfigFor({ token: 'any' });
    await writeFile(path, text.replaceAll(cluster.server, 'https://127.0.0.1:1'));
    return path;
  };

  it('an instance with a state directory starts with the authority of its last run', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'isthmus-state-'));
    onTestFinished(() => rm(stateDir, { recursive: true }));
    await writeAuthorityCopy(stateDir, first.material);
    expect((await stat(join(stateDir, 'authority/ca-key.pem'))).mode & 0o777).toBe(0o600);
    const cut = primaryClient(await nowhere());
    const { log } = memoryLog();
    const found = await startAuthority({ client: cut, trustDomain, stateDir, log }, signal);
    expect(found?.certificate.fingerprint).toBe(first.material.certificate.fingerprint);
    expect(found?.rootsPem).toBe(first.material.rootsPem);
    expect(found?.intermediatesPem).toEqual(first.material.intermediatesPem);
  });

  it('an instance without one waits, says why, and starts when the API server answers', async () => {
    await cluster.api.apply(cacerts(first.files));
    const path = await nowhere();
    const cut = primaryClient(path);
    onTestFinished(() => cut.close());
    const { log, lines } = memoryLog();
    const starting = startAuthority({ client: cut, trustDomain, log }, signal);
    await waitFor(
      () => lines,
      (all) => all.length > 0,
      { what: 'the reason' },
    );
    expect(lines[0]).toMatchObject({ reason: "the API server can't be reached: the connection was refused" });
    await writeFile(path, await readFile(kubeconfig, 'utf8'));
    expect((await starting)?.rootsPem).toBe(first.material.rootsPem);
  });

  it('an instance that waits says so over HTTP, and ends when it is told to', async () => {
    const port = await freePort();
    const waiting = startProcess(
      [process.execPath, 'server/main.ts', 'serve', '--cluster-id', 'cluster-1', '--network', ''].concat(
        ['--kubeconfig', await nowhere(), '--bind', '127.0.0.1', '--http-port', String(port)],
        [
          '--xds-port',
          '0',
          '--xds-tls-port',
          String(await freePort()),
          '--monitoring-port',
          '0',
          '--webhook-port',
          '0',
        ],
      ),
      { name: 'isthmus' },
    );
    onTestFinished(async () => void (await waiting.stop()));
    const answer = await waitFor(
      () => fetch(`http://127.0.0.1:${port}/ready`),
      ({ status }) => status === 503,
      {
        what: 'an answer',
      },
    );
    expect(await answer.text()).toContain('the certificate authority to be read');
    expect(await waiting.stop()).toMatchObject({ code: 0 });
  });

  it('an instance that waits can be stopped', async () => {
    const cut = primaryClient(await nowhere());
    const { log, lines } = memoryLog();
    const stop = new AbortController();
    const starting = startAuthority({ client: cut, trustDomain, log }, stop.signal);
    await waitFor(
      () => lines,
      (all) => all.length > 0,
      { what: 'the reason' },
    );
    stop.abort();
    expect(await starting).toBeUndefined();
  });
});
