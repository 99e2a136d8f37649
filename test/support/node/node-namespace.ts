// The network of one node: a bridge for its pods, a router with the rules of services between them and the link to other nodes, and
// a program in the router's namespace that probes and answers DNS. In: a lab and a number. Out: addresses for pods, and what
// reaches into the namespace. Addresses of pods never cross the link; only the node's own and its load balancers' do.

import { createServer, connect } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join, resolve } from 'node:path';
import type { LabHost, NetworkLab } from '../netns.ts';
import { runOrThrow, type RunningProcess } from '../process.ts';
import type { NameTable } from './cluster-names.ts';
import type { NamespaceAnswer, NamespaceQuestion } from './namespace-program.ts';
import type { NetworkProbe } from './network-probe.ts';
import { serviceRules, type ServiceState } from './service-rules.ts';

const programFile = resolve(import.meta.dirname, 'namespace-program.ts');
/** Between nodes: `172.30.NODE.1` is the node, what follows are load balancers. */
const linkNetwork = 'link';
const podDevice = 'eth0';
const linkDevice = 'eth1';

export const serviceRange = '10.96.0.0/16';

export class NodeNamespace {
  readonly lab: NetworkLab;
  readonly host: LabHost;
  readonly #index: number;
  readonly #program: RunningProcess;
  readonly #waiting = new Map<number, (answer: NamespaceAnswer) => void>();
  readonly #relays: Server[] = [];
  readonly #freed: number[] = [];
  #requests = 0;
  #pods = 1;
  #balancers = 1;
  #sockets = 0;

  constructor(lab: NetworkLab, host: LabHost, index: number) {
    this.lab = lab;
    this.host = host;
    this.#index = index;
    this.#program = host.spawn([process.execPath, programFile], {
      name: `${host.name}: probes and names`,
      onMessage: (message) => {
        const answer = message as NamespaceAnswer;
        this.#waiting.get(answer.id)?.(answer);
        this.#waiting.delete(answer.id);
      },
    });
    void this.#answerAtItsEnd();
  }

  /** Nobody waits for a program that has ended. */
  async #answerAtItsEnd(): Promise<void> {
    await this.#program.exited;
    const error = `its program has ended: ${this.#program.output}`;
    for (const [id, settle] of this.#waiting) settle({ id, error });
    this.#waiting.clear();
  }

  /** For other nodes, and for pods: the API server is here. */
  get address(): string {
    return `172.30.${this.#index}.1`;
  }

  /** For pods. */
  get router(): string {
    return `10.244.${this.#index}.1`;
  }

  get podNetwork(): string {
    return `pods-${this.#index}`;
  }

  /** Throws after 250 pods at the same time. */
  takePodAddress(): string {
    const last = this.#pods < 254 ? (this.#pods += 1) : this.#freed.shift();
    if (last === undefined) throw new Error('this node has no address left');
    return `10.244.${this.#index}.${last}`;
  }

  freePodAddress(address: string): void {
    this.#freed.push(Number(address.split('.').at(-1)));
  }

  /** A new address that other nodes reach, for a Service of type LoadBalancer. */
  async addBalancer(): Promise<string> {
    const address = `172.30.${this.#index}.${(this.#balancers += 1)}`;
    await runOrThrow(['ip', '-n', this.host.namespace, 'addr', 'add', `${address}/32`, 'dev', linkDevice]);
    return address;
  }

  async applyRules(state: ServiceState): Promise<void> {
    const place = { serviceRange, address: this.address, podDevice, linkDevice };
    await this.host.execOrThrow(['iptables-restore'], { input: serviceRules(place, state) });
  }

  async applyNames(table: NameTable): Promise<void> {
    await this.#ask({ ask: 'names', table });
  }

  async serveNames(): Promise<void> {
    await this.#ask({ ask: 'serve-names', address: this.router });
  }

  /** From the node, as a kubelet does. Undefined when it is well. */
  async probe(probe: NetworkProbe): Promise<string | undefined> {
    return await this.#ask({ ask: 'probe', probe });
  }

  /** The port on this process's loopback that leads to an address as the node reaches it. */
  async reach(port: number, host = '127.0.0.1'): Promise<number> {
    const socketPath = join(this.lab.directory, `${this.host.name}-${(this.#sockets += 1)}.sock`);
    await this.#ask({ ask: 'open', socketPath, host, port });
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const target = connect({ path: socketPath, allowHalfOpen: true });
      client.on('error', () => target.destroy());
      target.on('error', () => client.destroy());
      client.on('close', () => target.destroy());
      target.on('close', () => client.destroy());
      client.pipe(target).pipe(client);
    });
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done);
    });
    this.#relays.push(server);
    return (server.address() as AddressInfo).port;
  }

  /** Nothing gets in or out: neither its API server, nor its control plane, nor its gateways. */
  async cutLink(): Promise<void> {
    await runOrThrow(['ip', '-n', this.host.namespace, 'link', 'set', linkDevice, 'down']);
  }

  async mendLink(): Promise<void> {
    await runOrThrow(['ip', '-n', this.host.namespace, 'link', 'set', linkDevice, 'up']);
  }

  async stop(): Promise<void> {
    for (const relay of this.#relays) relay.close();
    await this.#program.stop();
  }

  async #ask(question: NamespaceQuestion): Promise<string | undefined> {
    if (!this.#program.running) throw new Error(`${this.#program.name} has ended: ${this.#program.output}`);
    const id = (this.#requests += 1);
    const { promise, resolve: settle } = Promise.withResolvers<NamespaceAnswer>();
    this.#waiting.set(id, settle);
    this.#program.send({ id, ...question });
    const { error, answer } = await promise;
    if (error !== undefined) throw new Error(`${question.ask}: ${error}`);
    return answer;
  }
}

/** `index`: 1 to 250, another one for each node of the lab. */
export async function nodeNamespace(lab: NetworkLab, index: number): Promise<NodeNamespace> {
  const pods = `pods-${index}`;
  await lab.network(pods);
  if (index === 1) await lab.network(linkNetwork);
  const host = await lab.host({
    name: `node-${index}`,
    legs: [
      { network: pods, address: `10.244.${index}.1/24` },
      { network: linkNetwork, address: `172.30.${index}.1/16` },
    ],
  });
  const settings = [
    'net.ipv4.ip_forward=1',
    'net.ipv4.conf.all.send_redirects=0',
    'net.ipv4.conf.all.rp_filter=0',
  ].concat(
    [`net.ipv4.conf.${podDevice}.send_redirects=0`, 'net.ipv4.conf.default.rp_filter=0'],
    [`net.ipv4.conf.${podDevice}.rp_filter=0`, `net.ipv4.conf.${linkDevice}.rp_filter=0`],
  );
  await host.execOrThrow(['sysctl', '-qw', ...settings]);
  // A service's address has to have some route before it is translated.
  await host.execOrThrow(['ip', 'route', 'add', serviceRange, 'dev', podDevice]);
  const namespace = new NodeNamespace(lab, host, index);
  await namespace.serveNames();
  return namespace;
}
