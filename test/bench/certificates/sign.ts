// The process that signs: first alone, then as an instance whose proxies, in another process, are told of a change five
// times a second. Writes its figures to standard output as JSON.
// Usage: node test/bench/certificates/sign.ts '{"services":200,"endpoints":5,"proxies":200,"seconds":6}'

import { setTimeout as delay } from 'node:timers/promises';
import { timesOf, type Times } from '../figures.ts';
import { monotonicMs } from '../fleet/fleet.ts';
import { Load } from '../fleet/load.ts';
import { namespace } from '../manifests.ts';
import { openPushInstance } from '../pushes/instance.ts';
import { clusterId, network } from '../server-under-test.ts';
import type { CertificateBench, CertificateFigures } from './certificate-figures.ts';
import { watchLoop, type LoopDelay } from './loop-delay.ts';
import { pushChanges, type Rhythm } from './push-changes.ts';
import { makeSigner } from './signer.ts';

const changesPerSecond = 5;

/** Before anything counts, V8 compiles what is used. */
const warmUpMs = 1000;
const warmUp = { changes: 60, everyMs: 50 } as const;

const bench = JSON.parse(process.argv[2] ?? '') as CertificateBench;
const { proxies } = bench;
const sign = await makeSigner();
await certificatesPerSecond(() => delay(warmUpMs));
const alone = await watched(() => certificatesPerSecond(() => delay(bench.seconds * 1000)));

await using instance = await openPushInstance({ ...bench, namespaces: 1, workers: 0 });
await using load = new Load();
await load.call('connect', { address: instance.address, count: proxies, namespace, clusterId, network });
const rhythm = { changes: bench.seconds * changesPerSecond, everyMs: 1000 / changesPerSecond };
let changes = 0;
await push(warmUp);
const pushesAlone = await watched(() => push(rhythm));
await certificatesPerSecond(async () => void (await push(warmUp)));
let last = timesOf([]);
const both = await watched(() =>
  certificatesPerSecond(async () => {
    last = await push(rhythm);
  }),
);
const pushed = { changes: rhythm.changes, proxies };
const figures: CertificateFigures = {
  alone: { perSecond: alone.value, loop: alone.loop },
  pushesAlone: { ...pushed, last: pushesAlone.value, loop: pushesAlone.loop },
  whilePushing: { perSecond: both.value, ...pushed, last, loop: both.loop },
};
process.stdout.write(JSON.stringify(figures));

/** Of all that is signed while the other goes on. */
async function certificatesPerSecond(meanwhile: () => Promise<void>): Promise<number> {
  const over = new AbortController();
  const startMs = monotonicMs();
  const signed = sign(over.signal);
  await meanwhile();
  over.abort();
  const count = await signed;
  return Math.round((1000 * count) / (monotonicMs() - startMs));
}

async function push(pace: Omit<Rhythm, 'from'>): Promise<Times> {
  const lastMs = await pushChanges({ ...bench, instance, load }, { ...pace, from: changes });
  changes += pace.changes;
  return timesOf(lastMs);
}

async function watched<Value>(
  work: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly loop: LoopDelay }> {
  const stop = watchLoop();
  const value = await work();
  return { value, loop: stop() };
}
