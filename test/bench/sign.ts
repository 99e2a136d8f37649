// Certificates a second with ECDSA requests and an ECDSA authority (the usual mesh), and what the event loop feels of
// it. Usage: node test/bench/sign.ts [SECONDS] [MAX_IN_FLIGHT]
import { performance, monitorEventLoopDelay } from 'node:perf_hooks';
import { CaError } from '../../ca/ca-error.ts';
import { caMaterial } from '../../ca/ca-material.ts';
import { systemClock } from '../../ca/clock.ts';
import { Issuer, issuerDefaults } from '../../ca/issuer.ts';
import { authorityTtlMs, makeIntermediate, makeRoot } from '../../ca/make-authority.ts';
import { makeCsr } from '../support/make-csr.ts';

const seconds = Number(process.argv[2] ?? 3);
const maxInFlight = Number(process.argv[3] ?? issuerDefaults.maxInFlight);
const callers = 64;

const nowMs = Date.now();
const common = { trustDomain: 'cluster.local', keyType: 'ecdsa-p256', nowMs } as const;
const root = await makeRoot({ ...common, ttlMs: authorityTtlMs.root });
const rootMaterial = usable(
  caMaterial({
    files: {
      'ca-cert.pem': root.certificatePem,
      'ca-key.pem': root.keyPem,
      'cert-chain.pem': root.certificatePem,
      'root-cert.pem': root.certificatePem,
    },
    where: (name) => name,
    nowMs,
  }),
);
const files = await makeIntermediate({
  ...common,
  ttlMs: authorityTtlMs.intermediate,
  clusterId: 'bench',
  root: rootMaterial,
});
const material = usable(caMaterial({ files, where: (name) => name, nowMs }));
const issuer = new Issuer({ material, clock: systemClock, maxInFlight });
const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
const requests = await Promise.all(Array.from({ length: 200 }, () => makeCsr({ type: 'ecdsa-p256' })));

await run(1);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startMs = performance.now();
const issued = await run(seconds);
const tookMs = performance.now() - startMs;
delay.disable();
const p99Ms = (delay.percentile(99) / 1e6).toFixed(1);
console.log(`${Math.round((issued / tookMs) * 1000)} certificates a second, p99 event-loop delay ${p99Ms} ms`);

async function run(forSeconds: number): Promise<number> {
  const endMs = performance.now() + forSeconds * 1000;
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < endMs) {
        usable(await issuer.issue({ csr: requests[count % requests.length] ?? '', identity }));
        count++;
      }
    }),
  );
  return count;
}

function usable<Value>(value: Value | CaError): Value {
  if (value instanceof CaError) throw value;
  return value;
}
