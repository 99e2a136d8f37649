// The shell of somebody who follows a guide: a checkout's charts and examples, kubectl and helm with a context for each cluster,
// `npx isthmus`. In: clusters of a lab by the names of their contexts. Out: what commands print. It runs on the first cluster's node, from
// where all API servers are reached. What a kubelet would serve (`kubectl exec`) the node for tests does.

import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { helmProgram } from './helm.ts';
import { kubectlProgram } from './kubectl.ts';
import type { NodeCluster } from './node/node-cluster.ts';
import type { RunResult } from './process.ts';

export type Contexts = Readonly<Record<string, NodeCluster>>;

const repository = resolve(import.meta.dirname, '../..');

export class UserShell implements AsyncDisposable {
  readonly directory: string;
  readonly #contexts: Contexts;
  readonly #server: Server;

  constructor(directory: string, contexts: Contexts) {
    this.directory = directory;
    this.#contexts = contexts;
    this.#server = createServer((request, response) => {
      void (async () => {
        const { code, stdout, stderr } = await this.#exec((await text(request)).split('\0').slice(0, -1));
        response.writeHead(code === 0 ? 200 : 500).end(stdout + stderr);
      })().catch((error: unknown) => response.writeHead(500).end(`${String(error)}\n`));
    });
  }

  async open(): Promise<void> {
    const { directory } = this;
    await cp(join(repository, 'deploy'), join(directory, 'deploy'), { recursive: true, dereference: true });
    await symlink(join(repository, 'examples'), join(directory, 'examples'));
    for (const chart of ['isthmus', 'isthmus-remote-reader'])
      await forAnyVersion(join(directory, 'deploy/chart', chart));
    await mkdir(join(directory, '.kube'));
    await writeFile(join(directory, '.kube/config'), await this.#kubeconfig());
    const socket = join(directory, 'exec.sock');
    await new Promise<void>((done) => {
      this.#server.listen(socket, done);
    });
    const isthmus = `exec ${process.execPath} ${join(repository, 'server/main.ts')}`;
    const exec = `printf '%s\\0' "$@" | exec curl -sS --fail-with-body --unix-socket ${socket} --data-binary @- http://node/`;
    const programs = {
      // Pods are reached without it.
      kubectl: `case " $* " in *' port-forward '*) exit;; *' exec '*) ${exec};; *) exec ${await kubectlProgram()} "$@";; esac`,
      helm: `exec ${await helmProgram()} "$@"`,
      npx: `[ "$1" = isthmus ] || exit 1; shift; ${isthmus} "$@"`,
    };
    await mkdir(join(directory, 'bin'));
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(directory, 'bin', name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
    }
  }

  /** Runs commands to their end. Rejects when one of them fails. Out: what they print. */
  async run(commands: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const [first] = Object.values(this.#contexts);
    if (first === undefined) throw new Error('there is no cluster');
    const { code, stdout, stderr } = await first.namespace.host.exec(['bash', '-euo', 'pipefail', '-c', commands], {
      cwd: this.directory,
      env: { ...env, HOME: this.directory, PATH: `${join(this.directory, 'bin')}:${process.env['PATH'] ?? ''}` },
      timeoutMs: 120_000,
    });
    if (code !== 0) throw new Error(`${commands}\nended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #kubeconfig(): Promise<string> {
    const entries = await Promise.all(
      Object.entries(this.#contexts).map(async ([name, { kube }]) => {
        const own = JSON.parse(await readFile(kube.insideKubeconfig, 'utf8')) as Kubeconfig;
        return { name, cluster: own.clusters[0]?.cluster, user: own.users[0]?.user };
      }),
    );
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: entries.map(({ name, cluster }) => ({ name, cluster })),
      users: entries.map(({ name, user }) => ({ name, user })),
      contexts: entries.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    });
  }

  /** `--context C -n NS exec deployment/NAME -c CONTAINER -- COMMAND…` */
  async #exec(argv: readonly string[]): Promise<RunResult> {
    const end = argv.indexOf('--');
    const options = argv.slice(0, end);
    const valueOf = (option: string): string => options[options.indexOf(option) + 1] ?? '';
    const [namespace, target] = [valueOf('-n'), valueOf('exec')];
    const cluster = this.#contexts[valueOf('--context')];
    if (cluster === undefined || end < 0) throw new Error(`not understood here: kubectl ${argv.join(' ')}`);
    const running = cluster.node
      .pods(namespace)
      .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata?.name ?? '');
    const pod = running.find((name) => name === target || name.startsWith(`${target.replace('deployment/', '')}-`));
    return await cluster.node.exec(`${namespace}/${pod}`, valueOf('-c'), argv.slice(end + 1));
  }
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: unknown }[];
  readonly users: readonly { readonly user: unknown }[];
}

/** An API server that was built from its module has no version that a chart could ask for. */
async function forAnyVersion(chart: string): Promise<void> {
  const about = join(chart, 'Chart.yaml');
  await writeFile(about, (await readFile(about, 'utf8')).replace(/^kubeVersion: .*$/m, ''));
}

export async function userShell(contexts: Contexts): Promise<UserShell> {
  const shell = new UserShell(await mkdtemp(join(tmpdir(), 'isthmus-user-')), contexts);
  await shell.open();
  return shell;
}
