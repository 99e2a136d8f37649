// What is aimed at with 200 services of 5 endpoints and 200 sidecars, beside istiod under the same kind of load and a run of that
// size. Out: the lines of a table that says of each aim whether the run reached it.

import type { Figures } from './figures.ts';
import { perProxy } from './memory/measure-growth.ts';

interface Aim {
  readonly name: string;
  /** Of August 2026. */
  readonly istiod: string;
  /** As it is written; `limit` is what `value` has to be below, or with `atLeast` above. */
  readonly aim: string;
  readonly limit: number;
  readonly atLeast?: true;
  readonly value: number;
  readonly text: string;
}

/** The size of the runs that the page and its chart show. */
export function isPageSize({
  services,
  endpoints,
  proxies,
}: Pick<Figures, 'services' | 'endpoints' | 'proxies'>): boolean {
  return services === 200 && endpoints === 5 && proxies === 200;
}

export function aimLines(figures: Figures): readonly string[] {
  return [
    '| | istiod | aim | measured | |',
    '|---|---|---|---|---|',
    ...aims(figures).map(({ name, istiod, aim, limit, atLeast, value, text }) => {
      const reached = atLeast ? value > limit : value < limit;
      return `| ${name} | ${istiod} | ${aim} | ${text} | ${reached ? 'reached' : '**missed**'} |`;
    }),
  ];
}

function aims(figures: Figures): readonly Aim[] {
  const { connect, connectTls, growthTls, endpointChange, routeChange, reconnect, start, certificates } = figures;
  const { perSecond, loop } = certificates.whilePushing;
  const sent = routeChange.counts;
  const firstKib = connectTls.rss / 1024;
  const oneMoreKib = growthTls === undefined ? firstKib : perProxy(growthTls, 'rss').oneMore / 1024;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return [
    timed('endpoint change, the last of 200 proxies, p50', '125 ms', 12, endpointChange.last.p50, ms),
    timed('CPU of the server for it', '22 to 31 ms', 8, endpointChange.cpuMs, ms),
    timed('VirtualService change, the last of 200, p50', '320 to 410 ms', 20, routeChange.last.p50, ms),
    timed('CPU of the server for it', '240 to 320 ms', 10, routeChange.cpuMs, ms),
    {
      name: 'messages and KiB a proxy for it',
      istiod: '3 and 107',
      aim: '1 and under 2',
      limit: 2,
      value: sent.messages > 1 ? Number.POSITIVE_INFINITY : sent.bytes / 1024,
      text: `${sent.messages} and ${(sent.bytes / 1024).toFixed(2)}`,
    },
    timed('all 200 connect, plaintext', '1.5 to 3.8 s', 900, connect.allMs, (value) => `${Math.round(value)} ms`),
    {
      name: 'resources when all reconnect with what they hold',
      istiod: '82,000',
      aim: '0',
      limit: 1,
      value: reconnect.counts.resources + reconnect.counts.removed,
      text: String(reconnect.counts.resources + reconnect.counts.removed),
    },
    sized('memory of the process for one more proxy over TLS', oneMoreKib),
    sized('the same for each of its first 200, with what is fixed', firstKib),
    timed(
      `start to ready, ${start.services} services and ${start.endpoints} endpoints`,
      'not measured',
      2000,
      start.readyMs,
      (value) => `${Math.round(value)} ms`,
    ),
    {
      name: 'certificates a second while pushes go on',
      istiod: '4,700 to 4,900, Go that only signs',
      aim: 'over 3,000',
      limit: 3000,
      atLeast: true,
      value: perSecond,
      text: String(perSecond),
    },
    timed('delay of the event loop meanwhile, p99', '', 5, loop.p99, ms),
  ];
}

function timed(name: string, istiod: string, limit: number, value: number, write: (value: number) => string): Aim {
  return {
    name,
    istiod,
    aim: limit < 100 ? `under ${limit} ms` : `under ${limit / 1000} s`,
    limit,
    value,
    text: write(value),
  };
}

function sized(name: string, value: number): Aim {
  return { name, istiod: '0.3 to 2.9 MiB', aim: 'under 100 KiB', limit: 100, value, text: `${Math.round(value)} KiB` };
}
