// One control-plane instance of the scenario: `isthmus serve` in a network namespace of its own, read over its HTTP port as a person
// would with curl. In: where it runs and its options. Out: start, stop, restart, and its answers.

import { resolve } from 'node:path';
import type { ClusterStatus } from '../../discovery/model/cluster-snapshot.ts';
import type { ProxyStatus } from '../../server/admin/proxy-status.ts';
import type { LabHost } from '../support/netns.ts';
import type { ProcessExit, RunningProcess } from '../support/process.ts';
import type { LogFile } from './log-file.ts';
import { untilServing } from './until-serving.ts';

export const mainFile = resolve(import.meta.dirname, '../../server/main.ts');

/** The name in the instance's certificate that agents ask for. */
export const controlPlaneHost = 'istiod.istio-system.svc';

export type ControlPlaneOptions = {
  /** `mesh-1`. */
  readonly name: string;
  readonly host: LabHost;
  readonly clusterId: string;
  readonly network: string;
  /** Options of `isthmus serve` that say where its clusters and its authority are. */
  readonly places: readonly string[];
  readonly stateDirectory: string;
  readonly log: LogFile;
};

export class ControlPlane {
  readonly name: string;
  readonly host: LabHost;
  #options: ControlPlaneOptions;
  #process: RunningProcess | undefined;

  constructor(options: ControlPlaneOptions) {
    this.name = options.name;
    this.host = options.host;
    this.#options = options;
  }

  /** Starts it and returns at once. */
  start(): void {
    const { clusterId, network, places, stateDirectory, log } = this.#options;
    const argv = [process.execPath, mainFile, 'serve', '--cluster-id', clusterId, '--network', network, ...places];
    argv.push('--state-dir', stateDirectory, '--webhook-port', '0');
    this.#process = this.host.spawn(argv, { name: this.name, onLine: (line) => log.write(line) });
  }

  /** Resolves once it answers `/ready` with 200. Rejects at once when it has ended. */
  async ready(): Promise<void> {
    if (this.#process === undefined) throw new Error(`${this.name} was not started`);
    await untilServing({ host: this.host, program: this.#process, url: 'http://127.0.0.1:8080/ready' });
  }

  clusters(): Promise<readonly ClusterStatus[]> {
    return this.#json('/api/v1/clusters');
  }

  proxies(): Promise<readonly ProxyStatus[]> {
    return this.#json('/api/v1/proxies');
  }

  /** A metric, summed over all its labels; 0 when it has no line yet. */
  async metric(name: string): Promise<number> {
    const page = (await this.host.get('http://127.0.0.1:15014/metrics')).body;
    if (!page.includes(`# TYPE ${name} `)) throw new Error(`${this.name} has no metric ${name}`);
    const values = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** SIGTERM, and the exit that followed. */
  async stop(): Promise<ProcessExit> {
    if (this.#process === undefined) throw new Error(`${this.name} was not started`);
    return this.#process.stop();
  }

  /** SIGKILL: as when the machine goes away. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
  }

  async #json<T>(path: string): Promise<T> {
    const answer = await this.host.get(`http://127.0.0.1:8080${path}`);
    if (answer.status !== 200) throw new Error(`${this.name}: GET ${path} answered ${answer.status}: ${answer.body}`);
    return JSON.parse(answer.body) as T;
  }
}
