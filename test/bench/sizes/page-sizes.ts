// The sizes of load whose figures stand in docs/performance.md. The smallest is what the page and its chart are about, and for it all
// is measured; each of the others has a part of its own, named after the command that writes it.

export interface LoadSize {
  readonly services: number;
  readonly endpoints: number;
  readonly proxies: number;
}

const pageSize: LoadSize = { services: 200, endpoints: 5, proxies: 200 };

/** The aims that are set for more than 200 proxies are those of this size. */
const largeSize: LoadSize = { services: 500, endpoints: 10, proxies: 500 };

const otherSizes: readonly LoadSize[] = [largeSize, { services: 1000, endpoints: 5, proxies: 1000 }];

export function isPageSize(size: LoadSize): boolean {
  return isSame(size, pageSize);
}

export function isLargeSize(size: LoadSize): boolean {
  return isSame(size, largeSize);
}

/** Has a part of the page, for which only the load is measured. */
export function isOtherSize(size: LoadSize): boolean {
  return otherSizes.some((other) => isSame(size, other));
}

/** The shortest command line that measures this size. */
export function commandOf({ services, endpoints, proxies }: LoadSize): string {
  return [
    'npm run bench --',
    ...(services === pageSize.services ? [] : [`--services ${services}`]),
    ...(endpoints === pageSize.endpoints ? [] : [`--endpoints ${endpoints}`]),
    ...(proxies === pageSize.proxies ? [] : [`--proxies ${proxies}`]),
  ].join(' ');
}

function isSame(one: LoadSize, other: LoadSize): boolean {
  return one.services === other.services && one.endpoints === other.endpoints && one.proxies === other.proxies;
}
