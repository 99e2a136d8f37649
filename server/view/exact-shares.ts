// Integer weights for shares that are split among several holders. In: amounts, each to be split evenly among its
// holders. Out: for each holder an integer, all in exact proportion, as small as they can be, together below 2^32.

export interface Amount {
  /** A positive integer. */
  readonly weight: number | bigint;
  /** Holders that split it evenly; never empty. A holder may be named by several amounts. */
  readonly among: readonly string[];
}

/** Envoy adds the weights of an assignment in 32 bits. */
const maxTotal = 2n ** 32n - 1n;

/** The weight of each holder. Only a total that would not fit into 32 bits is rounded, and then never to zero. */
export function exactShares(amounts: readonly Amount[]): ReadonlyMap<string, number> {
  const multiple = amounts.reduce((lcm, { among }) => leastCommonMultiple(lcm, BigInt(among.length)), 1n);
  const shares = new Map<string, bigint>();
  for (const { weight, among } of amounts) {
    const share = (BigInt(weight) * multiple) / BigInt(among.length);
    for (const holder of among) shares.set(holder, (shares.get(holder) ?? 0n) + share);
  }
  // Declared weights that nothing was split of stay as declared.
  const divisor = multiple === 1n ? 1n : [...shares.values()].reduce((gcd, share) => greatestDivisor(gcd, share), 0n);
  const total = [...shares.values()].reduce((sum, share) => sum + share, 0n) / (divisor === 0n ? 1n : divisor);
  const room = maxTotal - BigInt(shares.size);
  const fit = (share: bigint): bigint => {
    const reduced = divisor === 0n ? share : share / divisor;
    if (total <= maxTotal) return reduced;
    const scaled = (reduced * room) / total;
    return scaled === 0n ? 1n : scaled;
  };
  return new Map([...shares].map(([holder, share]) => [holder, Number(fit(share))]));
}

export function greatestDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

export function leastCommonMultiple(a: bigint, b: bigint): bigint {
  return (a / greatestDivisor(a, b)) * b;
}
