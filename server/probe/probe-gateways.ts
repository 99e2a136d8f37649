// Keeps the prober's list of gateways that of the mesh: all gateways of networks other than the primary's own.

import type { Clock } from '../../ca/clock.ts';
import type { MeshStore } from '../../discovery/mesh/mesh-store.ts';
import type { MeshSnapshot } from '../../discovery/model/mesh-snapshot.ts';
import type { NetworkId } from '../../discovery/model/names.ts';
import type { NetworkGateway } from '../../discovery/model/network-gateway.ts';
import type { Log } from '../log.ts';
import { GatewayProber } from './gateway-prober.ts';
import { tcpProbe } from './tcp-probe.ts';

export interface ProbeGatewaysOptions {
  readonly store: MeshStore;
  /** The primary's network as it is known at the moment. */
  readonly ownNetwork: () => NetworkId;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly log: Log;
  readonly onProbed: (result: 'success' | 'failure') => void;
}

const maxConcurrent = 16;
const maxTimeoutMs = 2_000;

/** Probes until it is closed, and takes dead gateways out of the mesh. */
export function probeGateways(options: ProbeGatewaysOptions): GatewayProber {
  const { store, ownNetwork, clock, intervalMs, log, onProbed } = options;
  let before: ReadonlySet<string> = new Set();
  const prober = new GatewayProber({
    probe: tcpProbe(Math.min(maxTimeoutMs, intervalMs)),
    clock,
    random: Math.random,
    intervalMs,
    maxConcurrent,
    onDead: (dead) => {
      for (const socket of dead.difference(before))
        log.warn({ gateway: socket }, 'a gateway stopped answering: it is out');
      for (const socket of before.difference(dead)) log.info({ gateway: socket }, 'a gateway is back in use');
      before = dead;
      store.setDeadGateways(dead);
    },
    onProbed,
  });
  let seen: Pick<MeshSnapshot, 'gateways' | 'deadGateways'> | undefined;
  let network: NetworkId | undefined;
  store.onChange((mesh) => {
    const own = ownNetwork();
    if (mesh.gateways === seen?.gateways && mesh.deadGateways === seen.deadGateways && own === network) return;
    seen = mesh;
    network = own;
    prober.update(foreignGateways(mesh, own));
  });
  return prober;
}

function foreignGateways({ gateways, deadGateways }: MeshSnapshot, own: NetworkId): readonly NetworkGateway[] {
  return [...gateways.values(), ...deadGateways.values()].flat().filter((gateway) => gateway.network !== own);
}
