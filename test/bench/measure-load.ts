// What every size of load is measured by: proxies connect in plaintext, endpoints and routes change, all come back. In: a filled
// registry. Out: the figures of each step, with the size and the circumstances.

import { availableParallelism } from 'node:os';
import type { LoadFigures } from './figures.ts';
import { Load } from './fleet/load.ts';
import type { Allocator } from './image-allocator.ts';
import type { BenchOptions } from './options.ts';
import type { BenchRegistry } from './registry.ts';
import { measureConnect, measureEndpointChange, measureReconnect, measureRouteChange } from './scenarios.ts';
import { startServer } from './server-under-test.ts';

export interface LoadParts {
  readonly options: BenchOptions;
  /** Filled as the options say. */
  readonly registry: BenchRegistry;
  readonly allocator: Allocator;
  /** Of the machine, when the run began. */
  readonly machineLoad: number;
  readonly say: (line: string) => void;
}

/** On a server of its own. */
export async function measureLoad({ options, registry, allocator, machineLoad, say }: LoadParts): Promise<LoadFigures> {
  await using server = await startServer(registry, { workers: options.workers, allocator });
  await using load = new Load();
  const parts = { options, server, load, registry };
  say(`connecting ${options.proxies} proxies`);
  const connect = await measureConnect(parts, server.plaintext, 'connect');
  say('changing endpoints');
  const endpointChange = await measureEndpointChange(parts);
  say('changing routes');
  const routeChange = await measureRouteChange(parts);
  say('reconnecting');
  const reconnect = await measureReconnect(parts);
  return {
    at: new Date().toISOString(),
    node: process.version,
    registry: registry.kind,
    services: options.services,
    endpoints: options.endpoints,
    proxies: options.proxies,
    load: machineLoad,
    cores: availableParallelism(),
    allocator: allocator.name,
    connect,
    endpointChange,
    routeChange,
    reconnect,
  };
}
