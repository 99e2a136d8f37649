// The image that the Dockerfile makes: everything that runs is in it, and it runs as the chart lets it, without root, without
// capabilities and on a file system that it can't write to.

import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../support/authority-server.ts';
import { describeLab } from '../../support/describe-lab.ts';
import { buildImage, type BuiltImage } from '../../support/dockerfile.ts';
import { helmProgram, renderChart } from '../../support/helm.ts';
import { namespaceObject } from '../../support/kube-primary.ts';
import { startKubeCluster } from '../../support/kube.ts';
import { runOrThrow, startProcess } from '../../support/process.ts';
import { waitFor } from '../../support/wait-for.ts';
import { container, podTemplate } from './pod-template.ts';
import { least } from './value-sets.ts';

const repository = resolve(import.meta.dirname, '../../..');

/** Of `node` in Node's images. */
const nodeUid = 1000;

describeLab('the image', () => {
  let directory: string;
  let image: BuiltImage;
  /** Begins a command line: everything is read-only but `state`, the user is `node` and has no capability. */
  let confined: readonly string[];

  beforeAll(async () => {
    await helmProgram();
    directory = await mkdtemp(join(tmpdir(), 'isthmus-image-'));
    await chmod(directory, 0o755);
    image = await buildImage(repository, directory);
    await copyFile(process.execPath, join(directory, 'node'));
    await cp(join(repository, 'examples/multi-primary/cluster-1'), join(directory, 'registry'), { recursive: true });
    await mkdir(join(directory, 'state'));
    const script =
      'mount -t tmpfs -o mode=0700,uid=$1,gid=$1 tmpfs "$2" && mount -o remount,bind,ro / && shift 2 && exec "$@"';
    const user = ['setpriv', `--reuid=${nodeUid}`, `--regid=${nodeUid}`, '--clear-groups', '--no-new-privs'];
    confined = ['unshare', '--mount', 'sh', '-c', script, 'sh', String(nodeUid), join(directory, 'state')].concat(
      user,
      ['--bounding-set=-all', '--inh-caps=-all'],
    );
  }, 3_600_000);

  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  /** As the container's command line, with the Node of this machine. */
  function inImage(argv: readonly string[]): readonly string[] {
    const [program, ...rest] = image.entrypoint;
    if (program !== 'node') throw new Error(`the image starts ${String(program)}`);
    // Of the image's program alone: setpriv can't change the user of a process that has the allocator's thread.
    const allocator = ['LD_PRELOAD', 'MALLOC_CONF'].map((name) => `${name}=${image.environment[name] ?? ''}`);
    return [...confined, 'env', ...allocator, join(directory, 'node'), ...rest, ...argv];
  }

  /** Nothing of this process's own environment but the path. */
  const surroundings = (): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } => ({
    cwd: join(image.root, image.workDirectory),
    env: { ...image.environment, LD_PRELOAD: '', MALLOC_CONF: '', NODE_PATH: '', NODE_OPTIONS: '' },
  });

  it('runs as a user without rights, under the number that the chart gives', async () => {
    expect(image.user).toBe('node');
    const objects = await renderChart({ chart: 'isthmus', values: least });
    expect(podTemplate(objects).spec['securityContext']).toMatchObject({ runAsUser: nodeUid, runAsGroup: nodeUid });
    expect(image.exposed).toEqual(container(objects).ports.map(({ containerPort }) => containerPort));
    const started = await runOrThrow([...confined, 'sh', '-c', 'id -u; touch "$0/written" 2>&1 || true', directory]);
    expect(started.stdout.split('\n')).toEqual([String(nodeUid), expect.stringContaining('Read-only file system'), '']);
  });

  it('keeps what Node made of the sources, for both of its users, and gives memory back', async () => {
    expect(image.environment['NODE_COMPILE_CACHE']).toBe('.cache/compile');
    const versions = await readdir(join(image.root, image.workDirectory, '.cache/compile'));
    expect(versions).not.toEqual([]);
    expect(image.environment['LD_PRELOAD']).toMatch(/^libjemalloc/);
  });

  it('has what runs and nothing else', async () => {
    const files = await readdir(join(image.root, image.workDirectory));
    expect(files.toSorted()).toEqual([
      '.cache',
      'LICENSE',
      'agent',
      'build-info.json',
      'ca',
      'discovery',
      'node_modules',
      'package.json',
      'proto',
      'server',
    ]);
    const packages = await readdir(join(image.root, image.workDirectory, 'node_modules'));
    expect(packages).toContain('@grpc');
    expect(packages.filter((name) => /^(vitest|typescript|oxlint|prettier|node-linux-.*)$/.test(name))).toEqual([]);
  });

  it.each([[['serve']], [['agent']], [['ca', 'init']], [['remote-secret']], [['iptables']], [['why']]])(
    'knows what the command %j is for',
    async (argv) => {
      const { stdout } = await runOrThrow(inImage([...argv, '--help']), surroundings());
      expect(stdout).toContain(`Usage: isthmus ${argv.join(' ')}`);
    },
  );

  it('starts and becomes ready, writes its state where it may, and ends when it is told to', async () => {
    const ports = new Set<number>();
    while (ports.size < 4) ports.add(await freePort());
    const [xds = 0, xdsTls = 0, http = 0, monitoring = 0] = ports;
    const options = [
      '--cluster-id=cluster-1',
      '--network=network1',
      `--registry=${join(directory, 'registry')}`,
    ].concat(
      [`--state-dir=${join(directory, 'state')}`, '--bind=127.0.0.1', `--xds-port=${xds}`, `--xds-tls-port=${xdsTls}`],
      [`--http-port=${http}`, `--monitoring-port=${monitoring}`, '--drain=200ms'],
    );
    const started = startProcess(inImage([...image.command, ...options]), { name: 'image', ...surroundings() });
    try {
      await waitFor(
        async () => (started.running ? (await fetch(`http://127.0.0.1:${http}/ready`)).status : started.output),
        (answer) => answer === 200 || typeof answer === 'string',
        { what: 'the image to be ready', timeoutMs: 60_000 },
      );
      expect(started.running ? '' : started.output).toBe('');
      const dashboard = await fetch(`http://127.0.0.1:${http}/`);
      expect([dashboard.status, dashboard.headers.get('content-type')]).toEqual([200, expect.stringContaining('html')]);
      expect((await fetch(`http://127.0.0.1:${monitoring}/metrics`)).status).toBe(200);
      // Its file system as it sees it.
      expect(await readdir(`/proc/${started.pid}/root${join(directory, 'state')}`)).not.toEqual([]);
    } finally {
      const end = await started.stop();
      expect([end, started.output]).toEqual([{ code: 0, signal: null }, expect.not.stringMatching(/EROFS|EACCES/)]);
    }
  });

  it('in a pod of the chart reads its cluster as the account of the pod, with the arguments as they are', async () => {
    await using cluster = await startKubeCluster();
    const namespace = 'istio-system';
    const objects = await renderChart({ chart: 'isthmus', values: { ...least, network: 'network1' }, namespace });
    const account = podTemplate(objects).spec.serviceAccountName;
    const rights = objects.filter(({ kind }) => /^ServiceAccount$|Role/.test(kind));
    await cluster.api.apply(namespaceObject(namespace), ...rights);
    // What a kubelet puts into every pod.
    const files = join(directory, 'account');
    await mkdir(files);
    await writeFile(join(files, 'token'), await cluster.api.tokenFor(namespace, account));
    await copyFile(cluster.file('certificates/apiserver.crt'), join(files, 'ca.crt'));
    await writeFile(join(files, 'namespace'), namespace);
    const { hostname, port } = new URL(cluster.server);
    const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const mounts = [
      'mount -t tmpfs tmpfs /var/lib && mkdir -m 0700 /var/lib/isthmus && chown 1000:1000 /var/lib/isthmus',
      'mount -t tmpfs tmpfs "$(readlink -f /var/run)" && mkdir -p /var/run/secrets/kubernetes.io',
      'cp -r "$1" /var/run/secrets/kubernetes.io/serviceaccount && shift && exec "$@"',
    ];
    const pod = ['unshare', '--mount', 'sh', '-c', mounts.join(' && '), 'sh', files];

    const ports = new Set<number>();
    while (ports.size < 4) ports.add(await freePort());
    const [xds = 0, xdsTls = 0, http = 0, monitoring = 0] = ports;
    // The one thing that differs: what runs in parallel here must not meet.
    const elsewhere = [`--xds-port=${xds}`, `--xds-tls-port=${xdsTls}`, `--http-port=${http}`].concat([
      `--monitoring-port=${monitoring}`,
      '--drain=200ms',
    ]);
    const { cwd, env } = surroundings();
    const argv = [...pod, ...inImage([...container(objects).args, ...elsewhere])];
    const started = startProcess(argv, { name: 'pod', cwd, env: { ...env, ...environment } });
    try {
      await waitFor(
        async () => (started.running ? (await fetch(`http://127.0.0.1:${http}/ready`)).status : started.output),
        (answer) => answer === 200 || typeof answer === 'string',
        { what: 'the pod to be ready', timeoutMs: 60_000 },
      );
      expect(started.running ? '' : started.output).toBe('');
      const clusters: unknown = await (await fetch(`http://127.0.0.1:${http}/api/v1/clusters`)).json();
      expect(clusters).toMatchObject([{ clusterId: 'cluster-1', network: 'network1', phase: 'running' }]);
    } finally {
      const end = await started.stop();
      expect([end, started.output]).toEqual([
        { code: 0, signal: null },
        expect.not.stringMatching(/EROFS|EACCES|forbidden/i),
      ]);
    }
  });
});
