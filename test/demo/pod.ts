// One pod of the scenario: a network namespace with a sidecar (or gateway) and, where there is one, an application. In: its place and
// identity. Out: start and stop, and what its Envoy's admin page says.

import { chownSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LabHost } from '../support/netns.ts';
import type { RunningProcess } from '../support/process.ts';
import { mainFile } from './control-plane.ts';
import type { ExamplePod } from './example.ts';
import type { LogFile } from './log-file.ts';
import { agentArguments } from './agent-arguments.ts';
import type { AgentPlace } from './agent-arguments.ts';
import { sidecarUid } from './sidecar-user.ts';
import { untilServing } from './until-serving.ts';

const applicationFile = resolve(import.meta.dirname, 'hello-application.ts');

export type PodOptions = AgentPlace & {
  readonly host: LabHost;
  /** Version that the application reports; absent for a pod that only asks. */
  readonly applicationVersion?: string;
  readonly rootCertificate: string;
  readonly token: string;
  /** Makes a command run as the sidecar's user. */
  readonly sidecarPrefix: readonly string[];
  readonly agentLog: LogFile;
};

export type WorkloadCertificate = {
  readonly spiffeId: string;
  readonly serialNumber: string;
  readonly expiresAt: Date;
};

export class Pod {
  readonly name: string;
  readonly host: LabHost;
  readonly pod: ExamplePod;
  #options: PodOptions;
  #agent: RunningProcess | undefined;
  #application: RunningProcess | undefined;

  constructor(options: PodOptions) {
    this.name = options.pod.name;
    this.host = options.host;
    this.pod = options.pod;
    this.#options = options;
  }

  /** Redirects the pod's traffic and starts the application. */
  async prepare(): Promise<void> {
    await this.#writeFiles();
    if (this.#options.kind === 'sidecar') {
      const interception = ['iptables', '--proxy-uid', `${sidecarUid}`, '--redirect-dns'];
      await this.host.execOrThrow([process.execPath, mainFile, ...interception]);
    }
    this.#startApplication();
    await this.#application?.waitForLine('listening', { timeoutMs: 60_000 });
  }

  /** Starts the agent and returns at once. */
  start(): void {
    const { sidecarPrefix, agentLog: log } = this.#options;
    const agent = [process.execPath, mainFile, 'agent', ...agentArguments(this.#options)];
    this.#agent = this.host.spawn([...sidecarPrefix, ...agent], {
      name: `${this.name}: agent`,
      onLine: (line) => log.write(line),
    });
  }

  /** Resolves once Envoy has its configuration and certificate. Rejects at once when the agent has ended. */
  async ready(): Promise<void> {
    if (this.#agent === undefined) throw new Error(`${this.name} was not started`);
    await untilServing({ host: this.host, program: this.#agent, url: 'http://127.0.0.1:15000/ready' });
  }

  /** A page of Envoy's admin interface. */
  async admin(path: string): Promise<string> {
    return (await this.host.get(`http://127.0.0.1:15000${path}`)).body;
  }

  /** Envoy's counters and gauges whose name matches, by name. */
  async stats(pattern: string): Promise<ReadonlyMap<string, number>> {
    const page = await this.admin(`/stats?format=json&filter=${encodeURIComponent(pattern)}`);
    const { stats = [] } = JSON.parse(page) as { stats?: { name?: string; value?: number }[] };
    return new Map(
      stats.flatMap(({ name, value }) => (name === undefined || value === undefined ? [] : [[name, value]])),
    );
  }

  /** How often this Envoy rejected what it was sent, over all types and resources. */
  async rejectedUpdates(): Promise<number> {
    const rejected = await this.stats('update_rejected$');
    return [...rejected.values()].reduce((sum, value) => sum + value, 0);
  }

  /** The certificate that Envoy serves now. */
  async certificate(): Promise<WorkloadCertificate> {
    const page = JSON.parse(await this.admin('/certs')) as EnvoyCertificates;
    const leaf = page.certificates?.flatMap((one) => one.cert_chain ?? []).find((one) => spiffeIdOf(one) !== undefined);
    if (leaf === undefined) throw new Error(`${this.name}: Envoy has no certificate with a SPIFFE id`);
    return {
      spiffeId: spiffeIdOf(leaf) ?? '',
      serialNumber: leaf.serial_number ?? '',
      expiresAt: new Date(leaf.expiration_time ?? 0),
    };
  }

  /** Has Envoy close each connection to it after the next answer, as a server does that is about to end. */
  async askToReconnect(): Promise<void> {
    await this.host.execOrThrow(['curl', '-sS', '-X', 'POST', 'http://127.0.0.1:15000/healthcheck/fail']);
  }

  /** Ends agent and Envoy with SIGKILL, as when the machine goes away. */
  async kill(): Promise<void> {
    const found = await this.host.exec(['sh', '-c', `kill -9 $(ip netns pids ${this.host.namespace} | grep -vw $$)`]);
    await this.#agent?.exited;
    if (found.stderr.includes('not permitted')) throw new Error(found.stderr);
  }

  async #writeFiles(): Promise<void> {
    const { directory, token, rootCertificate } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await writeFile(join(directory, 'token'), token, { mode: 0o600 });
    await writeFile(join(directory, 'root-cert.pem'), rootCertificate, { mode: 0o644 });
    for (const path of [directory, join(directory, 'token')]) chownSync(path, sidecarUid, sidecarUid);
  }

  #startApplication(): void {
    const version = this.#options.applicationVersion;
    if (version === undefined) return;
    const env = { PORT: '5000', VERSION: version, INSTANCE: this.name };
    this.#application = this.host.spawn([process.execPath, applicationFile], {
      name: `${this.name}: application`,
      env,
    });
  }
}

type EnvoyCertificate = {
  readonly serial_number?: string;
  readonly expiration_time?: string;
  readonly subject_alt_names?: { readonly uri?: string }[];
};

type EnvoyCertificates = { readonly certificates?: { readonly cert_chain?: EnvoyCertificate[] }[] };

function spiffeIdOf(certificate: EnvoyCertificate): string | undefined {
  return certificate.subject_alt_names?.find(({ uri }) => uri?.startsWith('spiffe://') === true)?.uri;
}
