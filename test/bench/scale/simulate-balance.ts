// The replicas of one region, second by second: proxies connect to a replica by chance, a HorizontalPodAutoscaler follows the
// number of proxies, and streams that end by age find the new replicas. In: a region. Out: what each tenth minute looks like.

export interface Region {
  readonly proxies: number;
  /** As many come at minute 10, and go at minute 60. */
  readonly surge: number;
  /** Proxies a replica that the autoscaler aims at. */
  readonly targetProxies: number;
  /** `--max-proxies` */
  readonly maxProxies: number;
  /** `--max-stream-age`; 0: streams stay. */
  readonly maxAgeSeconds: number;
}

export interface Moment {
  readonly minute: number;
  readonly replicas: number;
  readonly fullest: number;
  /** Attempts that were refused until now. */
  readonly refused: number;
}

const minutes = 100;
const startSeconds = 15;
const autoscaleSeconds = 15;
/** The chart's. */
const stabilizeSeconds = 600;
/** What a HorizontalPodAutoscaler overlooks. */
const tolerance = 0.1;

interface Proxy {
  replica: number | undefined;
  endsAt: number;
}

export function simulateBalance(region: Region): readonly Moment[] {
  const random = seeded(1);
  const moments: Moment[] = [];
  let proxies: Proxy[] = Array.from({ length: region.proxies }, unconnected);
  /** When each replica is ready; those of a lower number leave last. */
  let readyAt = [0, 0];
  const wanted: number[] = [];
  let refused = 0;
  for (let second = 0; second <= minutes * 60; second += 1) {
    if (second === 600) proxies.push(...Array.from({ length: region.surge }, unconnected));
    if (second === 3600) proxies = proxies.slice(0, region.proxies);
    const load = readyAt.map(() => 0);
    for (const proxy of proxies) {
      if (proxy.endsAt <= second) proxy.replica = undefined;
      if (proxy.replica !== undefined) load[proxy.replica] = (load[proxy.replica] ?? 0) + 1;
    }
    const ready = readyAt.flatMap((at, replica) => (at <= second ? [replica] : []));
    for (const proxy of proxies) {
      if (proxy.replica !== undefined) continue;
      const replica = ready[Math.floor(random() * ready.length)] ?? 0;
      if ((load[replica] ?? 0) >= region.maxProxies) refused += 1;
      else {
        load[replica] = (load[replica] ?? 0) + 1;
        proxy.replica = replica;
        proxy.endsAt = endOf(second, region.maxAgeSeconds, random());
      }
    }
    if (second % autoscaleSeconds === 0) {
      const connected = load.reduce((sum, count) => sum + count, 0);
      const ratio = connected / readyAt.length / region.targetProxies;
      wanted.push(Math.abs(ratio - 1) <= tolerance ? readyAt.length : Math.ceil(connected / region.targetProxies));
      const recent = wanted.slice(-stabilizeSeconds / autoscaleSeconds);
      const next = Math.max(2, ...recent);
      while (readyAt.length < next) readyAt.push(second + startSeconds);
      if (next < readyAt.length) {
        readyAt = readyAt.slice(0, next);
        for (const proxy of proxies) if ((proxy.replica ?? 0) >= next) proxy.replica = undefined;
      }
    }
    if (second % 600 === 0 && second > 0) {
      moments.push({ minute: second / 60, replicas: readyAt.length, fullest: Math.max(...load), refused });
    }
  }
  return moments;
}

function unconnected(): Proxy {
  return { replica: undefined, endsAt: Number.POSITIVE_INFINITY };
}

/** Up to a tenth more or less, by chance. */
function endOf(second: number, ageSeconds: number, chance: number): number {
  return ageSeconds === 0 ? Number.POSITIVE_INFINITY : second + ageSeconds * (0.9 + 0.2 * chance);
}

/** A sequence that is the same in every run (a linear congruential generator, the constants of Numerical Recipes). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
