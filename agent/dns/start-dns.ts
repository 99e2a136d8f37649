// The agent's DNS server with all its parts. In: where to listen, whom to ask, where the pod is. Out: a running server that is
// given name tables and stopped.

import { readFile } from 'node:fs/promises';
import type { Clock } from '../../ca/clock.ts';
import type { NameTable } from '../../proto/generated/istio.networking.nds.v1.ts';
import { AgentError, reasonOf } from '../agent-error.ts';
import type { Log } from '../log.ts';
import { DnsCounters } from './dns-counters.ts';
import { listenForDns } from './dns-listener.ts';
import { foldName, NameLookup, type PodNames } from './name-lookup.ts';
import { QuestionHandler } from './question-handler.ts';
import { parseResolverFile, type NameServer } from './resolver-file.ts';
import { UpstreamResolver } from './upstream-resolver.ts';

export type DnsConfig = {
  readonly port: number;
  /** Asked for what the mesh does not know; undefined for those of the resolver file. */
  readonly upstream: readonly NameServer[] | undefined;
  /** `/etc/resolv.conf` */
  readonly resolverFile: string;
};

export type DnsParts = {
  readonly namespace: string;
  /** `NAMESPACE.svc.cluster.local` */
  readonly dnsDomain: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
};

export type DnsServer = {
  readonly port: number;
  readonly counters: DnsCounters;
  /** What is answered from now on. */
  setTable(table: NameTable): void;
  stop(): Promise<void>;
};

/** Throws AgentError `socket-unavailable` or `unreadable-file`. */
export async function startDns(config: DnsConfig, parts: DnsParts): Promise<DnsServer> {
  const { clock, random, log } = parts;
  const resolver = await readResolverFile(config);
  const servers = config.upstream ?? resolver.servers;
  const counters = new DnsCounters();
  const end = new AbortController();
  const limits = { timeoutMs: 2000, rounds: 2, maxActive: 256, maxWaiting: 2048 };
  const upstream = new UpstreamResolver({ servers, counters, signal: end.signal, ...limits });
  const handler = new QuestionHandler({ upstream, counters, clock, random, signal: end.signal });
  const listener = await listenForDns({
    addresses: ['127.0.0.1', '::1'],
    port: config.port,
    respond: (packet, transport) => handler.handle(packet, transport),
    counters,
  });
  const pod = podNames(parts, resolver.searches);
  const { port, addresses } = listener;
  log.info(
    { port, addresses, upstream: servers.map(({ address }) => address), searches: resolver.searches },
    'serving DNS',
  );
  if (servers.length === 0) log.warn('no name server to ask for what is not in the mesh: such names fail');
  return {
    port,
    counters,
    setTable: (table) => {
      const names = new NameLookup(table, pod);
      counters.add('tables_total');
      handler.setNames(names);
      // The first one says that names resolve; later ones come with every new service.
      log[counters.get('tables_total') === 1 ? 'info' : 'debug']({ names: names.size }, 'name table received');
    },
    stop: async () => {
      end.abort();
      await listener.stop();
      log.info(counters.values(), 'DNS stopped');
    },
  };
}

function podNames({ namespace, dnsDomain }: DnsParts, searches: readonly string[]): PodNames {
  const own = foldName(dnsDomain);
  const prefix = `${namespace.toLowerCase()}.`;
  const domain = own.startsWith(prefix) ? own.slice(prefix.length) : own;
  return { namespace: namespace.toLowerCase(), domain, firstSearch: searches[0] };
}

async function readResolverFile({ resolverFile, upstream }: DnsConfig): Promise<ReturnType<typeof parseResolverFile>> {
  try {
    return parseResolverFile(await readFile(resolverFile, 'utf8'));
  } catch (error) {
    if (upstream !== undefined) return { servers: [], searches: [] };
    throw new AgentError('unreadable-file', `the name servers can't be read: ${reasonOf(error)}`, { cause: error });
  }
}
