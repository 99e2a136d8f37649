// What a mesh of two regions costs the proxies of one, who are connected over TLS. In: a running server, the load generator, both
// regions. Out: figures. No service has an endpoint added twice, so every change is of the same size.

import type { ChangeFigures, ConnectFigures, ReconnectFigures } from '../figures.ts';
import type { Load } from '../fleet/load.ts';
import type { BenchOptions } from '../options.ts';
import {
  measureChange,
  measureConnect,
  measureReconnect,
  measureRouteChange,
  usualWarmUps,
  type Bench,
} from '../scenarios.ts';
import type { ServerUnderTest } from '../server-under-test.ts';
import { sliceWithSpare, spareAddress } from './region-objects.ts';
import type { Regions } from './regions.ts';

export interface RegionFigures {
  readonly connect: ConnectFigures;
  /** Another endpoint in the instance's own cluster. */
  readonly ownChange: ChangeFigures;
  /** Another endpoint in the remote: its gateway weighs more. */
  readonly remoteChange: ChangeFigures;
  readonly routeChange: ChangeFigures;
  readonly reconnect: ReconnectFigures;
}

export interface RegionBench {
  readonly options: BenchOptions;
  readonly server: ServerUnderTest;
  readonly load: Load;
  readonly regions: Regions;
}

export async function measureRegions(bench: RegionBench, say: (line: string) => void): Promise<RegionFigures> {
  const parts = benchOf(bench);
  say(`connecting ${bench.options.proxies} proxies over TLS`);
  const connect = await measureConnect(parts, bench.server.tls, 'regions-connect');
  say('changing endpoints of the own cluster');
  const ownChange = await measureOwnChange(bench);
  say('changing endpoints of the remote');
  const remoteChange = await measureRemoteChange(bench);
  say('changing routes');
  const routeChange = await measureRouteChange(parts);
  say('reconnecting');
  return { connect, ownChange, remoteChange, routeChange, reconnect: await measureReconnect(parts) };
}

export function measureOwnChange(bench: RegionBench): Promise<ChangeFigures> {
  const { regions } = bench;
  return measureChange(benchOf(bench), 'regions-own-change', (service) => ({
    marker: spareAddress(service, regions),
    object: sliceWithSpare(service, regions),
  }));
}

export function measureRemoteChange(bench: RegionBench): Promise<ChangeFigures> {
  const { regions } = bench;
  const marker = weightMarker(regions.endpoints + 1);
  return measureChange({ ...benchOf(bench), registry: regions.remote }, 'regions-remote-change', (service) => ({
    marker,
    object: sliceWithSpare(service, regions),
  }));
}

/** For the usual measurements. Changes before them and those that count are of a service each. */
export function benchOf({ options, server, load, regions }: RegionBench): Bench {
  const trials = Math.min(options.trials, regions.services);
  return {
    options: { ...options, trials },
    server,
    load,
    registry: regions.own,
    warmUps: Math.min(usualWarmUps, regions.services - trials),
  };
}

/**
 * `load_balancing_weight` of an LbEndpoint as it is encoded: field 4, a message of two bytes, its field 1. Endpoints that are
 * reached directly weigh 1, so only the gateway can have another weight.
 * @throws RangeError for a weight that is encoded in more
 */
function weightMarker(weight: number): string {
  if (weight < 2 || weight > 127)
    throw new RangeError(`${weight} endpoints behind a gateway: 2 to 127 can be told apart`);
  return String.fromCodePoint(0x22, 2, 8, weight);
}
