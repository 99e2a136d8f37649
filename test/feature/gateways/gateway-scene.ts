// A control plane that reads a directory, an application, and a real Envoy beside our agent that is a gateway, on request more
// of those: everything on loopback.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { caFileNames } from '../../../ca/ca-material.ts';
import { freePort } from '../../support/authority-server.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { envoyPath } from '../../support/envoy.ts';
import { startProcess, type RunningProcess } from '../../support/process.ts';
import { startServe, type ServeProcess } from '../../support/serve-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const agentFile = resolve(import.meta.dirname, '../agent/run-agent.ts');
const namespace = 'edge';
const account = 'ingress';

export interface GatewayScene extends AsyncDisposable {
  readonly control: ServeProcess;
  readonly agent: RunningProcess;
  readonly directory: string;
  readonly adminPort: number;
  /** Ports to be listened on. */
  readonly ports: { readonly http: number; readonly https: number; readonly tls: number };
  /** Writes one file of the registry. */
  declare(name: string, yaml: string): Promise<void>;
  /** Starts one more real Envoy beside our agent, and declares its pod. */
  join(member: Member): Promise<RunningProcess>;
  /** A statistic of the gateway, 0 when there is none. */
  stat(name: string): Promise<number>;
  /** Findings of the primary. */
  problems(): Promise<readonly { readonly code: string; readonly message: string; readonly field?: string }[]>;
}

/** A pod with a proxy. */
export interface Member {
  readonly type: 'router' | 'sidecar';
  readonly namespace: string;
  readonly account: string;
  readonly podName: string;
  /** An address of the loopback. */
  readonly address: string;
  readonly label: readonly [string, string];
  readonly labels?: Readonly<Record<string, string>>;
}

const gateway: Member = {
  type: 'router',
  namespace,
  account,
  podName: 'ingress-1',
  address: '127.0.0.1',
  label: ['istio', 'ingress'],
};

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** Common name of the certificate that the server showed. */
  readonly certificate?: string | undefined;
}

export interface Asking {
  readonly port: number;
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string } | undefined;
}

/** Rejects when the connection is refused or closed. */
export function ask({ port, host, path = '/', method = 'GET', headers = {}, tls }: Asking): Promise<Answer> {
  return new Promise((resolveAnswer, reject) => {
    const onAnswer = (message: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      const socket = message.socket;
      const certificate =
        'getPeerCertificate' in socket && typeof socket.getPeerCertificate === 'function'
          ? (socket.getPeerCertificate() as { readonly subject?: { readonly CN?: string } }).subject?.CN
          : undefined;
      message.on('data', (chunk: Buffer) => chunks.push(chunk));
      message.on('error', reject);
      message.on('end', () =>
        resolveAnswer({
          status: message.statusCode ?? 0,
          headers: message.headers,
          text: Buffer.concat(chunks).toString(),
          certificate,
        }),
      );
    };
    const to = { host: '127.0.0.1', port, path, method, headers: { ...headers, host } };
    const common = { ...to, agent: false as const, timeout: 5000 };
    const request =
      tls === undefined
        ? httpRequest(common, onAnswer)
        : httpsRequest({ ...common, servername: host, ...tls }, onAnswer);
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
    request.end();
  });
}

/** What differs from scene to scene. */
export interface GatewaySceneOptions {
  /** MeshConfig, YAML. */
  readonly meshConfig?: string;
  /** More options of the control plane. */
  readonly argv?: readonly string[];
  /** More labels of the gateway's pod. */
  readonly labels?: Readonly<Record<string, string>>;
}

export async function startGatewayScene(options: GatewaySceneOptions = {}): Promise<GatewayScene> {
  const { meshConfig = '{}', argv = [], labels = {} } = options;
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-gateway-'));
  const registry = join(directory, 'registry');
  const authority = await makeAuthority();
  const application = await startApplication();
  const applicationPort = (application.address() as AddressInfo).port;
  const ports = { http: await freePort(), https: await freePort(), tls: await freePort() };
  const adminPort = await freePort();
  const { mkdir } = await import('node:fs/promises');
  await mkdir(registry);
  await mkdir(join(directory, 'ca'));
  for (const name of caFileNames) await writeFile(join(directory, 'ca', name), authority.files[name]);
  await writeFile(join(directory, `${account}-token`), `${account}-token`);
  await writeFile(join(registry, 'base.yaml'), baseObjects(applicationPort, labels));
  await writeFile(join(directory, 'mesh.yaml'), meshConfig);
  const control = await startServe({
    argv: [
      ['--cluster-id', 'cluster-1', '--network', 'network1', '--registry', registry],
      ['--ca-dir', join(directory, 'ca'), '--state-dir', join(directory, 'state')],
      ['--mesh-config', join(directory, 'mesh.yaml'), ...argv],
    ].flat(),
  });
  const agents: RunningProcess[] = [];
  const startMember = async (member: Member, admin: number): Promise<RunningProcess> => {
    const started = await startAgent(member, { control, directory, adminPort: admin });
    agents.push(started);
    return started;
  };
  const agent = await startMember({ ...gateway, labels }, adminPort);
  const stats = async (): Promise<string> => (await fetch(`http://127.0.0.1:${adminPort}/stats`)).text();
  const dispose = async (): Promise<void> => {
    await Promise.all(agents.map((each) => each.stop({ graceMs: 10_000 })));
    await control[Symbol.asyncDispose]();
    application.close();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await waitFor(stats, (text) => /control_plane.connected_state: 1/.test(text), {
      what: 'a gateway that is connected',
      timeoutMs: 60_000,
    });
  } catch (error) {
    const outputs = `${agent.output}\n${control.process.output}`;
    await dispose();
    throw new Error(outputs, { cause: error });
  }
  return {
    control,
    agent,
    directory,
    adminPort,
    ports,
    join: async (member) => {
      const token = `${member.account}-token`;
      await writeFile(join(directory, token), token);
      await writeFile(join(registry, `member-${member.account}.yaml`), memberObjects(member));
      const started = await startMember(member, await freePort());
      await waitFor(
        () => control.json('/debug/syncz'),
        (shown) => JSON.stringify(shown).includes(member.podName),
        { what: `${member.podName} to be connected`, timeoutMs: 60_000 },
      );
      return started;
    },
    declare: (name, yaml) => writeFile(join(registry, `${name}.yaml`), yaml),
    stat: async (name) => {
      const line = (await stats()).split('\n').find((text) => text.startsWith(`${name}: `));
      return line === undefined ? 0 : Number(line.slice(name.length + 2));
    },
    problems: async () => {
      const clusters = (await control.json('/api/v1/clusters')) as readonly {
        readonly problems?: readonly { readonly code: string; readonly message: string }[];
      }[];
      return clusters.flatMap(({ problems }) => problems ?? []);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** A Secret with text values. */
export function secretYaml(
  name: string,
  data: Readonly<Record<string, string>>,
  options: { readonly namespace?: string; readonly type?: string } = {},
): string {
  const encoded = Object.entries(data).map(([key, value]) => `  ${key}: ${Buffer.from(value).toString('base64')}`);
  return [
    'apiVersion: v1',
    'kind: Secret',
    `metadata: { name: ${name}, namespace: ${options.namespace ?? namespace} }`,
    `type: ${options.type ?? 'kubernetes.io/tls'}`,
    'data:',
    ...encoded,
    '',
  ].join('\n');
}

/** It says who it was asked for, what it was told of the client's certificate, and which headers it was sent. */
async function startApplication(): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('x-sent', encodeURIComponent(JSON.stringify(request.headers)));
    response.setHeader('x-client', String(request.headers['x-forwarded-client-cert'] ?? ''));
    response.end(`application asked for ${request.headers.host ?? ''}`);
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return server;
}

async function startAgent(
  { type, namespace: place, account: as, podName, address, label, labels = {} }: Member,
  { control, directory, adminPort }: Pick<GatewayScene, 'control' | 'directory' | 'adminPort'>,
): Promise<RunningProcess> {
  return startProcess(
    [
      [process.execPath, agentFile, '--discovery-address', control.xdsTls],
      ['--server-name', 'istiod.istio-system.svc', '--root-cert', join(directory, 'ca', 'root-cert.pem')],
      ['--token', join(directory, `${as}-token`), '--cluster-id', 'cluster-1', '--network', 'network1'],
      ['--proxy-type', type, '--namespace', place, '--service-account', as],
      ['--pod-name', podName, '--pod-ip', address, '--label', label.join('='), '--drain', '1s'],
      Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ['--admin-port', String(adminPort), '--health-port', '0', '--prometheus-port', '0'],
      ['--envoy', await envoyPath()],
    ].flat(),
    { name: `agent of ${podName}` },
  );
}

function memberObjects({ namespace: place, account: as, podName, address, label, labels = {} }: Member): string {
  const all = Object.entries({ [label[0]]: label[1], ...labels }).map(([key, value]) => `${key}: ${value}`);
  return `
apiVersion: v1
kind: Namespace
metadata: { name: ${place} }
---
apiVersion: v1
kind: Secret
metadata:
  name: ${as}-token
  namespace: ${place}
  annotations: { kubernetes.io/service-account.name: ${as} }
type: kubernetes.io/service-account-token
stringData: { token: ${as}-token }
---
apiVersion: v1
kind: Pod
metadata: { name: ${podName}, namespace: ${place}, labels: { ${all.join(', ')} } }
spec: { serviceAccountName: ${as}, containers: [] }
status: { phase: Running, podIP: ${address}, podIPs: [{ ip: ${address} }], conditions: [{ type: Ready, status: "True" }] }
`;
}

function baseObjects(applicationPort: number, labels: Readonly<Record<string, string>>): string {
  return `
${memberObjects({ ...gateway, labels })}---
apiVersion: v1
kind: Service
metadata: { name: app, namespace: sample }
spec: { clusterIP: 10.96.0.9, ports: [{ name: http, port: 80, targetPort: ${applicationPort} }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: app-1, namespace: sample, labels: { kubernetes.io/service-name: app } }
addressType: IPv4
ports: [{ name: http, port: ${applicationPort}, protocol: TCP }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
`;
}
