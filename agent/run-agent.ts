// The agent's whole life: identity, secrets, bootstrap, Envoy. In: the configuration and two signals. Out: resolves when all that was started
// has ended after the stop signal; throws AgentError when it can't begin.

import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../ca/clock.ts';
import { makeFolder } from '../ca/make-folder.ts';
import type { AgentConfig } from './agent-config.ts';
import { bootstrap } from './bootstrap/bootstrap.ts';
import type { BootstrapOptions } from './bootstrap/bootstrap.ts';
import { bootstrapNode } from './bootstrap/node.ts';
import { nodeMessage } from './bootstrap/node-message.ts';
import type { ControlPlaneAddress } from './bootstrap/static-clusters.ts';
import type { OwnStreamOptions } from './control-plane-client.ts';
import { followNameTable } from './dns/name-table-service.ts';
import { startDns } from './dns/start-dns.ts';
import type { DnsServer } from './dns/start-dns.ts';
import { superviseEnvoy } from './envoy/envoy-supervisor.ts';
import type { StopSignals } from './envoy/envoy-supervisor.ts';
import { readCertificateFile } from './identity/certificate-file.ts';
import { certificateIssuing } from './identity/certificate-issuing.ts';
import { IdentityKeeper } from './identity/identity-keeper.ts';
import { openRootFile } from './identity/root-file.ts';
import type { RootFile } from './identity/root-file.ts';
import { joinRoots } from './identity/workload-certificate.ts';
import type { Log } from './log.ts';
import { registerMachine } from './machine/register-machine.ts';
import { FileSecrets } from './secrets/file-secrets.ts';
import { secretSnapshot } from './secrets/secret-snapshot.ts';
import { systemRootsPem } from './secrets/system-roots.ts';
import { SecretStore } from './secrets/secret-store.ts';
import { startSecretService } from './secrets/secret-service.ts';
import { startStatusServer } from './status/status-server.ts';
import type { StatusServer } from './status/status-server.ts';

export type AgentParts = StopSignals & {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly onEnvoyLine: (line: string) => void;
};

export async function runAgent(config: AgentConfig, parts: AgentParts): Promise<void> {
  const quit = new AbortController();
  const status = await statusServer(config, () => {
    parts.log.info('stopping, as a program of the pod asked');
    quit.abort();
  });
  try {
    const begun = { ...parts, stop: AbortSignal.any([parts.stop, quit.signal]), statusPort: status?.port };
    await runUntilStopped(config, begun);
  } finally {
    await status?.stop();
  }
}

async function statusServer(
  { status, ports, node, spiffeId }: AgentConfig,
  onQuit: () => void,
): Promise<StatusServer | undefined> {
  if (status === undefined) return undefined;
  const workload = { ...node, spiffeId };
  const podAddress = node.ips[0] ?? '127.0.0.1';
  return startStatusServer({ ...status, adminPort: ports.admin, podAddress, workload, onQuit });
}

/** `statusPort`: of the server above; undefined where there is none. */
type RunningParts = AgentParts & { readonly statusPort: number | undefined };

async function runUntilStopped(config: AgentConfig, parts: RunningParts): Promise<void> {
  const { clock, log } = parts;
  const roots = await openRootFile({ path: config.rootCertFile, clock, log });
  // Before everything that takes time: whatever the workload asks for while it starts is sent here.
  const dns = config.dns === undefined ? undefined : await startDns(config.dns, { ...parts, ...config.node });
  try {
    await runWithDns(config, parts, { roots, dns });
  } finally {
    await dns?.stop();
  }
}

type Begun = { readonly roots: RootFile; readonly dns: DnsServer | undefined };

async function runWithDns(config: AgentConfig, parts: RunningParts, { roots, dns }: Begun): Promise<void> {
  const { log, stop } = parts;
  const keeper = await identityKeeper(config, roots, parts);
  const system = systemRootsPem();
  const snapshot = (): ReturnType<typeof secretSnapshot> =>
    secretSnapshot(keeper.current, { mesh: joinRoots([roots.pem, keeper.current?.rootsPem ?? '']), system });
  const store = new SecretStore(snapshot());
  const publish = (): void => store.replace(snapshot());
  const files = new FileSecrets({ store, clock: parts.clock, log });
  keeper.onChange(publish);

  const directory = await workDirectory(config);
  const loops = new AbortController();
  const running: Promise<void>[] = [];
  try {
    const secretSocketPath = config.secretSocketPath ?? join(directory, 'sds.sock');
    const secrets = await startSecretService({ path: secretSocketPath, owner: config.owner, store, files, log });
    try {
      running.push(keeper.run(loops.signal), roots.watch(publish, loops.signal), files.run(loops.signal));
      const bootstrapFile = await writeBootstrap(config, directory, {
        secretSocketPath,
        statusPort: parts.statusPort,
      });
      // Envoy would start without secrets too, but then waits with every listener that needs one, and looks broken.
      await Promise.race([keeper.first, aborted(stop)]);
      if (dns !== undefined) running.push(followNames(config, parts, { roots, dns, keeper, signal: loops.signal }));
      running.push(register(config, parts, { roots, keeper, signal: loops.signal }));
      if (config.envoy === undefined) await aborted(stop);
      else await superviseEnvoy(envoyOptions(config, config.envoy, bootstrapFile, parts), parts);
    } finally {
      loops.abort();
      await Promise.all(running);
      await secrets.stop();
    }
  } finally {
    if (config.workDirectory === undefined) await rm(directory, { recursive: true, force: true });
  }
}

type Names = {
  readonly roots: RootFile;
  readonly dns: DnsServer;
  readonly keeper: IdentityKeeper;
  readonly signal: AbortSignal;
};

function followNames(config: AgentConfig, parts: AgentParts, { dns, signal, ...own }: Names): Promise<void> {
  const node = nodeMessage(bootstrapNode(config.node));
  const onTable: DnsServer['setTable'] = (table) => dns.setTable(table);
  return followNameTable({ ...ownStream(config, parts, own), node, onTable }, signal);
}

function register(config: AgentConfig, parts: AgentParts, { signal, ...own }: Omit<Names, 'dns'>): Promise<void> {
  const { registration, node } = config;
  if (registration === undefined) return Promise.resolve();
  const { group, probe } = registration;
  const message = nodeMessage(bootstrapNode({ ...node, autoRegisterGroup: group }));
  return registerMachine({ ...ownStream(config, parts, own), node: message, probe, leaving: parts.stop }, signal);
}

/** What a stream of the agent's own to the control plane needs. */
function ownStream(
  { controlPlane, node }: AgentConfig,
  { clock, random, log }: AgentParts,
  { roots, keeper }: Pick<Names, 'roots' | 'keeper'>,
): Omit<OwnStreamOptions, 'node'> {
  return {
    address: socketText(controlPlane),
    serverName: controlPlane.serverName,
    rootsPem: () => joinRoots([roots.pem, keeper.current?.rootsPem ?? '']),
    certificate: () => keeper.current,
    clusterId: node.clusterId,
    clock,
    random,
    log,
  };
}

function socketText({ host, port }: ControlPlaneAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function identityKeeper(config: AgentConfig, roots: RootFile, parts: AgentParts): Promise<IdentityKeeper> {
  const { clock, random, log } = parts;
  const { authority, spiffeId, keyDirectory } = config;
  const kept =
    keyDirectory === undefined
      ? undefined
      : await readCertificateFile({
          directory: keyDirectory,
          trustedRootsPem: roots.pem,
          spiffeId,
          nowMs: clock.now(),
        });
  const issue = certificateIssuing({
    address: socketText(authority),
    serverName: authority.serverName,
    clusterId: config.node.clusterId,
    spiffeId,
    ttlMs: config.certificateTtlMs,
    roots,
    tokenFile: config.tokenFile,
    keyDirectory,
    clock,
    log,
  });
  return new IdentityKeeper({ issue, initial: kept, clock, random, log });
}

async function workDirectory({ workDirectory: named, owner }: AgentConfig): Promise<string> {
  const directory = named ?? (await mkdtemp(join(tmpdir(), 'isthmus-agent-')));
  await makeFolder(directory);
  if (named === undefined && owner !== undefined) {
    await chown(directory, owner.uid, owner.gid);
    await chmod(directory, 0o700);
  }
  return directory;
}

async function writeBootstrap(
  config: AgentConfig,
  directory: string,
  { secretSocketPath, statusPort }: Pick<BootstrapOptions, 'secretSocketPath' | 'statusPort'>,
): Promise<string> {
  const { controlPlane, ads, ports, node } = config;
  const value = bootstrap({
    node: bootstrapNode(node),
    controlPlane,
    ads,
    secretSocketPath,
    adminPort: ports.admin,
    healthPort: ports.health,
    prometheusPort: ports.prometheus,
    statusPort,
  });
  const path = join(directory, 'envoy.json');
  await writeFile(path, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o644 });
  return path;
}

function envoyOptions(
  config: AgentConfig,
  envoy: NonNullable<AgentConfig['envoy']>,
  bootstrapFile: string,
  { clock, random, log, onEnvoyLine }: AgentParts,
): Parameters<typeof superviseEnvoy>[0] {
  const drainSeconds = Math.max(1, Math.round(config.drainMs / 1000));
  return {
    program: envoy.program,
    // Without hot restart: several Envoys on one machine would meet in its shared memory.
    args: [
      '-c',
      bootstrapFile,
      '--disable-hot-restart',
      // 0 is one for each core, as without the option.
      ...(envoy.concurrency === 0 ? [] : ['--concurrency', String(envoy.concurrency)]),
      '--log-level',
      envoy.logLevel,
      '--drain-time-s',
      String(drainSeconds),
    ],
    owner: config.owner,
    adminPort: config.ports.admin,
    drainMs: config.drainMs,
    drainUntilIdle: config.drainUntilIdle,
    ownPorts: [config.ports.health, config.ports.prometheus],
    // A pod that ends still has calls of its own to make; what a gateway forwards is all it has.
    drainScope: config.node.type === 'sidecar' ? 'inbound' : 'all',
    clock,
    random,
    log,
    onLine: onEnvoyLine,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
