// `npm run bench -- --streams`: what an endpoint change costs each stream between the cache and the transport, in microseconds, with
// transports in memory: telling and writing, hearing that it was taken, and reading the answer. Nothing else is timed.

import { setTimeout as delay } from 'node:timers/promises';
import { Admission, admissionClock, type AdmissionCounts } from '../../../server/admission/admission.ts';
import { defaultAdmissionLimits } from '../../../server/admission/admission-limits.ts';
import { beginCall } from '../../../server/grpc/begin-call.ts';
import type { CallHandler } from '../../../server/grpc/call.ts';
import { nodeOf } from '../fleet/fleet.ts';
import { ReferenceReader } from '../fleet/references.ts';
import { namespace, sliceObject } from '../manifests.ts';
import type { BenchOptions } from '../options.ts';
import { openPushInstance, type PushInstance } from '../pushes/instance.ts';
import { clusterId, network } from '../server-under-test.ts';
import { MemorySidecar, type FirstWrite } from './memory-sidecar.ts';

/** Changes before anything counts: the engine of JavaScript compiles what is used. */
const warmUps = 300;
/** Rounds; the figure is that of the middle one. */
const rounds = 5;
/** More than the processor caches: between two changes a server does other things. */
const coldBytes = new Uint8Array(48 * 1024 * 1024);
/** After which a stream is no newcomer any more. */
const grownUpMs = 60_000;

const parts = ['out', 'taken', 'in'] as const;
type Times = Record<(typeof parts)[number], number>;

const noCounts: AdmissionCounts = {
  admitted: () => undefined,
  refused: () => undefined,
  looked: () => undefined,
  streamAdmitted: () => undefined,
  streamRefused: () => undefined,
  requestDelayed: () => undefined,
  messageRefused: () => undefined,
};

export async function runStreams({
  options,
  say,
}: {
  options: BenchOptions;
  say: (line: string) => void;
}): Promise<void> {
  await using instance = await openPushInstance(options);
  let aheadMs = 0;
  const clock = { ...admissionClock, now: () => performance.now() + aheadMs };
  const admission = new Admission({ limits: defaultAdmissionLimits, counts: noCounts, clock });
  const first: FirstWrite = { atMs: undefined };
  const sidecars = await connect(admission.methods(instance.methods), first, options);
  aheadMs = grownUpMs;
  say(`${sidecars.length} streams on ${options.services} services`);
  const changes = options.trials * 10;
  await push(instance, sidecars, { options, first, from: 0, to: warmUps, isCold: false });
  const found: Times[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const from = warmUps + round * changes;
    found.push(await push(instance, sidecars, { options, first, from, to: from + changes, isCold: true }));
  }
  const figures = parts.map((part) => {
    const each = found.map((times) => times[part]).toSorted((one, other) => one - other);
    return `${part} ${(each[Math.floor(rounds / 2)] ?? 0).toFixed(2)} (${each.map((time) => time.toFixed(2)).join(' ')})`;
  });
  say(`µs a stream and change, the middle of ${rounds} rounds of ${changes}: ${figures.join(', ')}`);
}

async function connect(
  methods: ReadonlyMap<string, CallHandler>,
  first: FirstWrite,
  options: BenchOptions,
): Promise<readonly MemorySidecar[]> {
  const references = new ReferenceReader();
  const load = { address: '', count: options.proxies, namespace, clusterId, network };
  const onError = (error: unknown): void => {
    throw error;
  };
  const limits = { maxRequestBytes: 4 * 1024 * 1024, endGraceMs: 1000 };
  const sidecars = Array.from(
    { length: options.proxies },
    (_, index) => new MemorySidecar(nodeOf(index, load), references, first),
  );
  for (const sidecar of sidecars) beginCall(sidecar, { methods, limits, onError });
  for (let quiet = 0; quiet < 20; quiet += 1) {
    if (sidecars.some(({ waiting }) => waiting > 0)) quiet = 0;
    for (const sidecar of sidecars) sidecar.follow();
    await delay(5);
  }
  return sidecars;
}

/** The mean of all changes, in microseconds a stream. A change of another service each time. */
async function push(
  instance: PushInstance,
  sidecars: readonly MemorySidecar[],
  {
    options,
    first,
    from,
    to,
    isCold,
  }: {
    readonly options: BenchOptions;
    readonly first: FirstWrite;
    readonly from: number;
    readonly to: number;
    readonly isCold: boolean;
  },
): Promise<Times> {
  const times: Times = { out: 0, taken: 0, in: 0 };
  const timed = (part: keyof Times, work: () => void): void => {
    const startMs = performance.now();
    work();
    times[part] += ((performance.now() - startMs) * 1000) / sidecars.length / (to - from);
  };
  for (let nth = from; nth < to; nth += 1) {
    const address = `198.51.${Math.floor(nth / 250) % 250}.${(nth % 250) + 1}`;
    instance.write(sliceObject(nth % options.services, options.endpoints, [address]));
    if (isCold) coolCaches();
    first.atMs = undefined;
    instance.flush();
    times.out += ((performance.now() - (first.atMs ?? Number.NaN)) * 1000) / sidecars.length / (to - from);
    if (sidecars.some(({ waiting }) => waiting !== 1)) throw new Error('a change is one response to each stream');
    if (isCold) coolCaches();
    timed('taken', () => {
      for (const sidecar of sidecars) sidecar.take();
    });
    const answers = sidecars.map((sidecar) => sidecar.answers());
    if (isCold) coolCaches();
    timed('in', () => {
      for (const [index, sidecar] of sidecars.entries())
        for (const bytes of answers[index] ?? []) sidecar.receive(bytes);
    });
    await delay(0);
  }
  if (instance.unsettled()) throw new Error('a change is not settled');
  return times;
}

/** Reads so much else that nothing of the streams is left in the caches of the processor. */
function coolCaches(): void {
  for (let at = 0; at < coldBytes.length; at += 64) coldBytes[at] = (coldBytes[at] ?? 0) + 1;
}
