// What is aimed at with 200 services of 5 endpoints and 200 sidecars, and with more, beside istiod under the same kind of load and a
// run of that size. Out: the lines of a table that says of each aim whether the run reached it.

import type { Figures, LoadFigures } from './figures.ts';
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

export function aimLines(figures: Figures): readonly string[] {
  return tableOf(aims(figures));
}

/** The same with 500 services of 10 endpoints and 500 sidecars. */
export function largeAimLines({
  endpointChange,
  routeChange,
  connect,
  reconnect,
  proxies,
}: LoadFigures): readonly string[] {
  return tableOf([
    timed(`endpoint change, the last of ${proxies} proxies, p50`, '174 ms', 25, endpointChange.last.p50, ms),
    timed(`VirtualService change, the last of ${proxies}, p50`, '1.4 s', 40, routeChange.last.p50, ms),
    timed(`all ${proxies} connect, plaintext`, '34 s', 5000, connect.allMs, (value) => `${Math.round(value)} ms`),
    nothingOnReturn(reconnect, '505,000'),
  ]);
}

function tableOf(rows: readonly Aim[]): readonly string[] {
  return [
    '| | istiod | aim | measured | |',
    '|---|---|---|---|---|',
    ...rows.map(({ name, istiod, aim, limit, atLeast, value, text }) => {
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
    nothingOnReturn(reconnect, '82,000'),
    sized('memory of the process for one more proxy over TLS', oneMoreKib),
    sized('the same for each of its first 200, with what is fixed', firstKib),
    timed(
      `start to ready, ${start.services} services and ${start.endpoints} endpoints, the median of ${start.eachReadyMs.length} starts`,
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

/** Those that are taken away count as well. */
function nothingOnReturn({ counts }: LoadFigures['reconnect'], istiod: string): Aim {
  const sent = counts.resources + counts.removed;
  return {
    name: 'resources when all reconnect with what they hold',
    istiod,
    aim: '0',
    limit: Number.MIN_VALUE,
    value: sent,
    text: String(sent),
  };
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
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
