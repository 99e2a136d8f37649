// The instance that is measured: a process of its own, with what is needed to look at it from outside.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '../../ca/clock.ts';
import { Issuer } from '../../ca/issuer.ts';
import { makeAuthority, ok } from '../support/certificate-authority.ts';
import { makeKeyAndCsr } from './key-and-csr.ts';
import { startServe, type ServeProcess } from '../support/serve-process.ts';
import type { FleetTarget } from './fleet/fleet.ts';
import { imageAllocator, type Allocator } from './image-allocator.ts';
import { Inspector } from './inspector.ts';
import { namespace } from './manifests.ts';
import type { BenchRegistry } from './registry.ts';
import { readCounter } from './scrape.ts';

export const clusterId = 'cluster-1';
export const network = 'network1';

/** The image has one too: what Node makes of the sources is kept from the start before. */
const compileCache = resolve(import.meta.dirname, '../../.cache/compile');

export interface ServerUnderTest extends AsyncDisposable {
  readonly instance: ServeProcess;
  readonly inspector: Inspector;
  /** From starting the process until `/ready` says so. */
  readonly readyMs: number;
  readonly plaintext: FleetTarget;
  readonly tls: FleetTarget;
  /** The certificates of a proxy in the namespace, for the key of `tls`. */
  readonly chainIn: (namespace: string) => Promise<string>;
  /** Resources encoded since the start. */
  readonly encodings: () => Promise<number>;
  /** Of all workers together, which may be none: processor time so far, resident bytes. */
  readonly workers: () => Promise<{ readonly cpuMs: number; readonly rss: number }>;
}

export interface ServerOptions {
  readonly workers?: number;
  /** As the image does when left out. */
  readonly allocator?: Allocator;
}

export async function startServer(
  registry: BenchRegistry,
  { workers = 0, allocator }: ServerOptions = {},
): Promise<ServerUnderTest> {
  const { env } = allocator ?? (await imageAllocator(true));
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-bench-ca-'));
  const authority = await makeAuthority();
  for (const [name, content] of Object.entries(authority.files)) await writeFile(join(directory, name), content);
  const { keyPem, csr } = await makeKeyAndCsr();
  const issuer = new Issuer({ material: authority.material, clock: systemClock });
  const chainIn = async (inside: string): Promise<string> => {
    const identity = { trustDomain: 'cluster.local', namespace: inside, serviceAccount: 'default' };
    // Without its root, as the agent gives it to Envoy.
    return ok(await issuer.issue({ csr, identity }))
      .chain.slice(0, -1)
      .join('');
  };
  const chain = await chainIn(namespace);
  const startMs = performance.now();
  const instance = await startServe({
    argv: ['--cluster-id', clusterId, '--network', network, '--ca-dir', directory, ...registry.argv].concat(
      workers === 0 ? [] : ['--workers', String(workers)],
    ),
    nodeArgv: ['--inspect=127.0.0.1:0'],
    env: { NODE_COMPILE_CACHE: compileCache, ...env },
    monitoring: true,
  });
  const readyMs = performance.now() - startMs;
  const line = await instance.process.waitForLine('Debugger listening on ');
  const inspector = await Inspector.open(line.slice(line.indexOf('ws://')));
  return {
    instance,
    inspector,
    readyMs,
    plaintext: { address: instance.xds },
    tls: {
      address: instance.xdsTls,
      tls: {
        roots: authority.root.certificatePem,
        chain,
        key: keyPem,
        serverName: 'istiod.istio-system.svc',
      },
    },
    chainIn,
    encodings: () => readCounter(instance.monitoring, 'isthmus_resources_encoded_total'),
    // The metrics page of many proxies takes the server long enough to be seen in what is measured: not without need.
    workers: async () =>
      workers === 0
        ? { cpuMs: 0, rss: 0 }
        : {
            cpuMs: 1000 * (await readCounter(instance.monitoring, 'isthmus_worker_cpu_seconds_total')),
            rss: await readCounter(instance.monitoring, 'isthmus_worker_resident_memory_bytes'),
          },
    [Symbol.asyncDispose]: async () => {
      inspector[Symbol.dispose]();
      await instance[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
