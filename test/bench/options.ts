// What `npm run bench` is told on its command line.

import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly services: number;
  readonly endpoints: number;
  readonly proxies: number;
  /** With `--pushes` and `--churn`: services and proxies are spread over so many, each with a Sidecar that sees only itself. */
  readonly namespaces: number;
  /** Changes of each kind. */
  readonly trials: number;
  /** Start-up is measured with this many services, of ten endpoints each. */
  readonly startServices: number;
  /** Measures so many seconds of steady endpoint changes instead; 0: no. */
  readonly churnSeconds: number;
  /** Changes a second. */
  readonly churnRate: number;
  /** The proxies of `--churn` are connected over TLS. */
  readonly tls: boolean;
  /** `kube`, `directory`, or whatever the machine has. */
  readonly registry: 'kube' | 'directory' | undefined;
  /** Where profiles of the server go; absent: none are taken. */
  readonly profiles: string | undefined;
  /** Write the figures into docs/performance.md. */
  readonly report: boolean;
  /** With the memory allocator of the C library instead of that of the image. */
  readonly cAllocator: boolean;
  /** Small. */
  readonly quick: boolean;
  /** Measures large remotes instead. */
  readonly remotes: boolean;
  /** Measures two clusters on two networks instead. */
  readonly regions: boolean;
  /** Measures pushes while so many proxies reconnect instead; 0: no. */
  readonly storm: number;
  /** Measures only the CPU of changes, in a process without an API server. */
  readonly pushes: boolean;
  /** Measures only what a change costs a stream between the cache and the transport, without sockets. */
  readonly streams: boolean;
  /** Measures only how the process grows with its proxies. */
  readonly memory: boolean;
  /** Remotes are measured with `--state-dir`. */
  readonly remember: boolean;
  /** Processes that serve the connections of the server. */
  readonly workers: number;
  /** Save exact counts and times as what later runs are compared with. */
  readonly saveBaseline: boolean;
}

export const usage = `npm run bench -- [OPTION]...

What is measured; the whole load of services and sidecars unless one of these is given:
  --pushes              only the CPU of changes, connecting and coming back, without an API server
  --streams             only what a change costs a stream between cache and transport, without sockets
  --memory              only how the process grows with its proxies
  --regions             two clusters on two networks, all over TLS
  --remotes             two large remotes that are only discovered (--remember: with --state-dir)
  --storm N             pushes while N proxies come back over TLS
  --churn SECONDS       steady endpoint changes (--rate N: 100 a second; --tls: proxies over TLS with client certificates;
                        --regions: half of them in a second cluster on another network)

The load:
  --services N          200
  --endpoints N         5, of each service
  --proxies N           200
                        500 x 10 with 500 proxies and 1000 x 5 with 1000 have a part of the page each, for which only
                        connecting, changes and coming back are measured
  --namespaces N        1; with --pushes and --churn, a Sidecar in each lets it see only itself
  --trials N            20 changes of each kind
  --workers N           0, processes that serve the connections
  --registry KIND       kube or directory; kube when the machine has an API server
  --c-allocator         the memory allocator of the C library instead of jemalloc
  --quick               small: 50 services, 20 proxies, 5 changes

What becomes of it:
  --no-report           leave docs/performance.md as it is, as --quick, --workers and sizes without a part do
  --profile DIR         CPU profiles of the server, one of each step
  --save-baseline       save counts and times as what later runs of this size are compared with

JSON goes to .cache/bench. Ends with 1 when a count is higher than in test/bench/baseline.json; times are only told.
`;

/** @throws TypeError for an unknown option or a number that is none */
export function readOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      services: { type: 'string' },
      endpoints: { type: 'string' },
      proxies: { type: 'string' },
      namespaces: { type: 'string', default: '1' },
      trials: { type: 'string' },
      churn: { type: 'string', default: '0' },
      rate: { type: 'string', default: '100' },
      tls: { type: 'boolean', default: false },
      registry: { type: 'string' },
      profile: { type: 'string' },
      remotes: { type: 'boolean', default: false },
      regions: { type: 'boolean', default: false },
      storm: { type: 'string', default: '0' },
      pushes: { type: 'boolean', default: false },
      streams: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      remember: { type: 'boolean', default: false },
      workers: { type: 'string', default: '0' },
      'c-allocator': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'no-report': { type: 'boolean', default: false },
      'save-baseline': { type: 'boolean', default: false },
    },
  });
  const { quick, registry } = values;
  if (registry !== undefined && registry !== 'kube' && registry !== 'directory') {
    throw new TypeError(`--registry ${registry}: kube or directory`);
  }
  return {
    services: number('services', values.services ?? (quick ? '50' : '200')),
    endpoints: number('endpoints', values.endpoints ?? '5'),
    proxies: number('proxies', values.proxies ?? (quick ? '20' : '200')),
    namespaces: Math.max(1, number('namespaces', values.namespaces)),
    trials: number('trials', values.trials ?? (quick ? '5' : '20')),
    startServices: quick ? 200 : 1000,
    churnSeconds: number('churn', values.churn),
    churnRate: number('rate', values.rate),
    tls: values.tls,
    registry,
    profiles: values.profile,
    // The page's own figures are those of one process, and of a whole run.
    report: !values['no-report'] && !quick && values.workers === '0',
    cAllocator: values['c-allocator'],
    quick,
    remotes: values.remotes,
    regions: values.regions,
    storm: number('storm', values.storm),
    pushes: values.pushes,
    streams: values.streams,
    memory: values.memory,
    remember: values.remember,
    workers: number('workers', values.workers),
    saveBaseline: values['save-baseline'],
  };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new TypeError(`--${name} ${text}: a whole number is expected`);
  return value;
}
