// Separate networks on one machine. A lab is a "switch" namespace that holds one bridge for each network, and one namespace for
// each host, joined to the bridges by veth pairs made directly between the two: nothing appears in the machine's own network
// namespace. In: networks and hosts with their legs. Out: hosts in which programs run; `dispose` removes all that was made.

import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labSupport } from './lab-privileges.ts';
import { run, runOrThrow, startProcess } from './process.ts';
import type { ProcessExit, RunningProcess, RunOptions, RunResult, StartOptions } from './process.ts';
import { ensureSystemTools, labTools } from './system-tools.ts';

export type HostLeg = {
  readonly network: string;
  /** With the prefix length: `10.1.0.5/24`. IPv6 too. */
  readonly address: string;
};

export type HostOptions = {
  readonly name: string;
  /** The first leg is `eth0` inside the host, and so on. */
  readonly legs: readonly HostLeg[];
  /** Where packets to any other address go: out of the leg of that network, to `via` if given. Without it only the legs' own ranges are reachable. */
  readonly defaultRoute?: { readonly network: string; readonly via?: string };
  /** Names for the host's /etc/hosts: name → address. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** What the host's /etc/resolv.conf says; without it, that of the machine, whose name servers are not reached. */
  readonly resolverFile?: string;
};

export type AsUser = {
  /** User and group id that the program runs as. Default: as this process. */
  readonly uid?: number;
};

export type Capture = {
  readonly file: string;
  /** Ends the capture after what was seen has been written. */
  stop(): Promise<ProcessExit>;
};

export type HttpAnswer = { readonly status: number; readonly body: string };

const namePrefix = 'isl-';

/** Makes an empty lab. Needs the privileges that `labSupport` looks for; installs missing tools when it may. */
export async function networkLab(options: { readonly onProgress?: (text: string) => void } = {}): Promise<NetworkLab> {
  await ensureSystemTools(labTools, options);
  const support = await labSupport();
  if (support.kind === 'impossible') throw new Error(support.reason);
  if (support.kind === 'start-again') throw new Error(`start it under "${support.prefix.join(' ')}", or as root`);
  await removeAbandoned();
  const lab = new NetworkLab();
  await lab.open();
  return lab;
}

export class NetworkLab {
  /** Stands before the names of this lab's namespaces; holds the process id, so that leftovers of dead processes are known. */
  readonly prefix: string;
  readonly directory: string;
  #namespaces: string[] = [];
  #networks = new Map<string, string>();
  #processes = new Set<RunningProcess>();
  #ports = 0;
  #disposed = false;
  #onExit = (): void => this.#disposeNow();
  #onSignal = (signal: NodeJS.Signals): void => {
    this.#disposeNow();
    // Without another listener the signal ends the process as it would have done without us.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'isthmus-lab-'));
    chmodSync(this.directory, 0o755); // Programs of other users read what is put here.
    this.prefix = `${namePrefix}${process.pid}-${this.directory.slice(-6)}-`;
  }

  /** Makes the switch namespace; `networkLab` calls it. */
  async open(): Promise<void> {
    process.once('exit', this.#onExit);
    process.once('SIGINT', this.#onSignal);
    process.once('SIGTERM', this.#onSignal);
    await this.#addNamespace(this.#switch);
  }

  /** A network: hosts with a leg in it reach each other and nothing else. */
  async network(name: string): Promise<void> {
    if (this.#networks.has(name)) throw new Error(`the network "${name}" exists already`);
    const bridge = `br${this.#networks.size}`;
    this.#networks.set(name, bridge);
    await ipBatch(this.#switch, [`link add ${bridge} type bridge`, `link set ${bridge} up`]);
  }

  async host(options: HostOptions): Promise<LabHost> {
    const namespace = this.prefix + options.name;
    if (this.#namespaces.includes(namespace)) throw new Error(`the host "${options.name}" exists already`);
    const legs = options.legs.map((leg, index) => {
      const bridge = this.#networks.get(leg.network);
      if (bridge === undefined) throw new Error(`host ${options.name}: no network "${leg.network}" in this lab`);
      return { ...leg, bridge, device: `eth${index}`, port: `p${this.#ports++}` };
    });
    await this.#addNamespace(namespace);
    await ipBatch(
      this.#switch,
      legs.flatMap(({ device, port, bridge }) => [
        `link add ${port} type veth peer name ${device} netns ${namespace}`,
        `link set ${port} master ${bridge} up`,
      ]),
    );
    const lines = ['link set lo up'];
    for (const { device, address } of legs) {
      // Without "nodad" an IPv6 address is not usable for its first second.
      lines.push(`addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`, `link set ${device} up`);
    }
    if (options.defaultRoute !== undefined) {
      const { network, via } = options.defaultRoute;
      const leg = legs.find((candidate) => candidate.network === network);
      if (leg === undefined) throw new Error(`host ${options.name}: no leg in "${network}" for its default route`);
      lines.push(`route add default ${via === undefined ? '' : `via ${via} `}dev ${leg.device}`);
    }
    await ipBatch(namespace, lines);
    const hostsFile = join(this.directory, `${options.name}.hosts`);
    const named = Object.entries(options.hosts ?? {}).map(([name, address]) => `${address} ${name}`);
    writeFileSync(hostsFile, ['127.0.0.1 localhost', '::1 localhost', ...named, ''].join('\n'), { mode: 0o644 });
    const resolverFile = options.resolverFile === undefined ? '' : join(this.directory, `${options.name}.resolv.conf`);
    if (resolverFile !== '') writeFileSync(resolverFile, options.resolverFile ?? '', { mode: 0o644 });
    const devices = new Map(legs.map(({ network, device }) => [network, device]));
    return new LabHost({ lab: this, name: options.name, namespace, hostsFile, resolverFile, devices });
  }

  /** Ends what runs on a host and takes the host away. */
  async remove({ namespace }: LabHost): Promise<void> {
    if (this.#disposed || !this.#namespaces.includes(namespace)) return;
    const found = await run(['ip', 'netns', 'pids', namespace]);
    killAll(found.stdout);
    await run(['ip', 'netns', 'delete', namespace]);
    this.#namespaces = this.#namespaces.filter((each) => each !== namespace);
  }

  /** Records all frames of one network into a pcap file until it is stopped. Needs tcpdump. */
  capture(network: string, file: string): Promise<Capture> {
    const bridge = this.#networks.get(network);
    if (bridge === undefined) throw new Error(`no network "${network}" in this lab`);
    return this.captureDevice(this.#switch, bridge, file);
  }

  async captureDevice(namespace: string, device: string, file: string): Promise<Capture> {
    await ensureSystemTools(['tcpdump']);
    // Into a file of ours through standard output: tcpdump's own file writing depends on the user that it turns into.
    const descriptor = openSync(file, 'w', 0o644);
    const argv = ['ip', 'netns', 'exec', namespace, 'tcpdump', '-i', device, '-s', '0', '-U', '-w', '-'];
    const child = this.track(startProcess(argv, { name: `tcpdump ${device}`, stdout: descriptor }));
    closeSync(descriptor);
    await child.waitForLine('listening on');
    return { file, stop: () => child.stop({ signal: 'SIGINT' }) };
  }

  /** Ends with the lab. */
  track(child: RunningProcess): RunningProcess {
    this.#processes.add(child);
    void child.exited.then(() => this.#processes.delete(child));
    return child;
  }

  /** Ends every program of the lab and removes its namespaces and files. Safe to call twice. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    await Promise.all(Array.from(this.#processes, (child) => child.stop({ graceMs: 8000 })));
    this.#disposeNow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  get #switch(): string {
    return `${this.prefix}switch`;
  }

  async #addNamespace(namespace: string): Promise<void> {
    this.#namespaces.push(namespace);
    await runOrThrow(['ip', 'netns', 'add', namespace]);
    const settings = 'echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv6/conf/default/accept_ra; true';
    await runOrThrow(['ip', 'netns', 'exec', namespace, 'sh', '-c', `(${settings}) 2>/dev/null`]);
  }

  // Synchronous, because it also runs while the process exits.
  #disposeNow(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    process.off('exit', this.#onExit);
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    removeNamespaces(this.#namespaces);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One host of a lab: programs run here see its addresses, its routes, its /etc/hosts, and nothing of the machine's network. */
export class LabHost {
  readonly name: string;
  /** For `ip netns exec NAMESPACE …` by hand. */
  readonly namespace: string;
  #lab: NetworkLab;
  #hostsFile: string;
  /** Empty when the host has none of its own. */
  #resolverFile: string;
  #devices: ReadonlyMap<string, string>;

  constructor(parts: {
    readonly lab: NetworkLab;
    readonly name: string;
    readonly namespace: string;
    readonly hostsFile: string;
    readonly resolverFile: string;
    readonly devices: ReadonlyMap<string, string>;
  }) {
    this.#lab = parts.lab;
    this.name = parts.name;
    this.namespace = parts.namespace;
    this.#hostsFile = parts.hostsFile;
    this.#resolverFile = parts.resolverFile;
    this.#devices = parts.devices;
  }

  /** Runs a program here to its end; any exit code is a result. */
  exec(argv: readonly string[], options: RunOptions & AsUser = {}): Promise<RunResult> {
    return run(this.command(argv, options), options);
  }

  execOrThrow(argv: readonly string[], options: RunOptions & AsUser = {}): Promise<RunResult> {
    return runOrThrow(this.command(argv, options), options);
  }

  /** Starts a program here; it is stopped with the lab at the latest. */
  spawn(argv: readonly string[], options: StartOptions & AsUser = {}): RunningProcess {
    const name = options.name ?? `${this.name}: ${argv[0]}`;
    return this.#lab.track(startProcess(this.command(argv, options), { ...options, name }));
  }

  /** GET with `curl` from here. Rejects when there is no HTTP answer. */
  async get(
    url: string,
    options: AsUser & { readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
  ): Promise<HttpAnswer> {
    const timeoutMs = options.timeoutMs ?? 5000;
    const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const curl = ['curl', '-sS', '--noproxy', '*', '--max-time', String(timeoutMs / 1000), '-w', '\n%{http_code}'];
    const result = await this.execOrThrow([...curl, ...headers, url], { ...options, timeoutMs: timeoutMs + 5000 });
    const cut = result.stdout.lastIndexOf('\n');
    return { status: Number(result.stdout.slice(cut + 1)), body: result.stdout.slice(0, cut) };
  }

  /** Records the frames of this host's leg in `network` into a pcap file. */
  capture(network: string, file: string): Promise<Capture> {
    const device = this.#devices.get(network);
    if (device === undefined) throw new Error(`host ${this.name} has no leg in "${network}"`);
    return this.#lab.captureDevice(this.namespace, device, file);
  }

  /** The full command line that runs `argv` here. Each part replaces the one before it, so signals reach `argv` itself. */
  command(argv: readonly string[], options: AsUser = {}): readonly string[] {
    const uid = options.uid;
    const user = uid === undefined ? [] : ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups'];
    // `ip netns exec` has given the program a mount namespace of its own: the file is bound for it alone.
    const bindHosts = 'mount --bind "$1" /etc/hosts';
    const bindResolver = this.#resolverFile === '' ? 'true' : 'mount --bind "$2" /etc/resolv.conf';
    const script = `${bindHosts} && ${bindResolver} && shift 2 && exec "$@"`;
    const files = [this.#hostsFile, this.#resolverFile];
    return ['ip', 'netns', 'exec', this.namespace, 'sh', '-c', script, 'sh', ...files, ...user, ...argv];
  }
}

async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await runOrThrow(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

// Programs first: a namespace lives as long as a process in it does.
function removeNamespaces(namespaces: readonly string[]): void {
  for (const namespace of namespaces) {
    const found = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' });
    killAll(found.stdout ?? '');
  }
  const input = namespaces.map((namespace) => `netns delete ${namespace}\n`).join('');
  spawnSync('ip', ['-force', '-batch', '-'], { input });
}

// Labs whose process was killed outright could not clean up; their process id in the name tells.
async function removeAbandoned(): Promise<void> {
  const listed = await run(['ip', 'netns', 'list']);
  const abandoned = listed.stdout
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(namePrefix) && !isAlive(Number(name.split('-')[1])));
  if (abandoned.length > 0) removeNamespaces(abandoned);
}

function killAll(pids: string): void {
  for (const pid of pids.split('\n')) {
    if (/^\d+$/.test(pid)) killQuietly(Number(pid));
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return true; // Not a name of ours: left alone.
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
