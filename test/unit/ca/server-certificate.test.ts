import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CaError } from '../../../ca/ca-error.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { renewAtMs, serverCertificates, type ServerCertificate } from '../../../ca/server-certificate.ts';
import { makeAuthority, type TestAuthority } from '../../support/certificate-authority.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const hourMs = 3600 * 1000;
const dnsNames = ['istiod.istio-system.svc', 'istiod-remote.istio-system.svc'];

describe('a server certificate that renews itself', () => {
  let clock: FakeClock;
  let authority: TestAuthority;
  let issuer: Issuer;
  let stop: AbortController;
  let failures: CaError[];

  beforeEach(async () => {
    clock = new FakeClock();
    authority = await makeAuthority({ nowMs: clock.now() });
    issuer = new Issuer({ material: authority.material, clock });
    stop = new AbortController();
    failures = [];
  });

  function follow(): AsyncGenerator<ServerCertificate, void> {
    return serverCertificates({
      issuer,
      dnsNames,
      clock,
      signal: stop.signal,
      random: () => 0.5,
      onFailure: (error) => failures.push(error),
    });
  }

  it('is there at once, with all names and a lifetime of a day', async () => {
    const { value } = await follow().next();
    const certificate = new X509Certificate(value?.certificatePem ?? '');
    expect(certificate.subjectAltName).toBe(dnsNames.map((name) => `DNS:${name}`).join(', '));
    expect(value?.notAfterMs).toBe(clock.now() + 24 * hourMs);
    expect(value?.rootsPem).toBe(authority.material.rootsPem);
  });

  it('is renewed at half of its life and not before', async () => {
    const certificates = follow();
    const { value: first } = await certificates.next();
    const second = certificates.next();
    expect(await clock.untilNextWakeMs()).toBe(12 * hourMs);
    clock.advance(12 * hourMs);
    const { value: renewed } = await second;
    expect(renewed?.certificatePem).not.toBe(first?.certificatePem);
    expect(renewed?.keyPem).not.toBe(first?.keyPem);
    expect(renewed?.notAfterMs).toBe(clock.now() + 24 * hourMs);
  });

  it('is renewed at once when the authority is replaced, under the new one', async () => {
    const certificates = follow();
    await certificates.next();
    const second = certificates.next();
    await clock.untilNextWakeMs();
    const next = await makeAuthority({ nowMs: clock.now() });
    issuer.replace(next.material);
    const { value } = await second;
    expect(value?.rootsPem).toBe(next.material.rootsPem);
  });

  it('is renewed also when the authority was replaced while nobody was waiting', async () => {
    const certificates = follow();
    await certificates.next();
    const next = await makeAuthority({ nowMs: clock.now() });
    issuer.replace(next.material);
    const { value } = await certificates.next();
    expect(value?.rootsPem).toBe(next.material.rootsPem);
  });

  it('is tried again with growing pauses while the authority is expired, and comes with a new one', async () => {
    const certificates = follow();
    await certificates.next();
    const second = certificates.next();
    await clock.untilNextWakeMs();
    clock.advance(800 * 24 * hourMs);
    await failedTimes(1);
    const pauses: number[] = [];
    for (let tries = 2; tries <= 9; tries++) {
      const pauseMs = await clock.untilNextWakeMs();
      pauses.push(pauseMs);
      clock.advance(pauseMs);
      await failedTimes(tries);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    expect(failures[0]).toMatchObject({ code: 'ca-expired' });
    await clock.untilNextWakeMs();
    issuer.replace((await makeAuthority({ nowMs: clock.now() })).material);
    expect((await second).value?.notAfterMs).toBe(clock.now() + 24 * hourMs);
  });

  it('ends when it is told to stop', async () => {
    const certificates = follow();
    await certificates.next();
    const end = certificates.next();
    await clock.untilNextWakeMs();
    stop.abort();
    expect(await end).toEqual({ done: true, value: undefined });
    expect(issuer.changes.listenerCount('replaced')).toBe(0);
  });

  it('shifts its half life by at most one percent of its life', () => {
    const life = { issuedAtMs: 1000, notAfterMs: 1000 + 24 * hourMs };
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        const share = (renewAtMs(life, () => random) - life.issuedAtMs) / (24 * hourMs);
        expect(share).toBeGreaterThanOrEqual(0.49);
        expect(share).toBeLessThanOrEqual(0.51);
      }),
    );
    expect(renewAtMs(life, () => 0)).toBeLessThan(renewAtMs(life, () => 0.9));
  });

  async function failedTimes(count: number): Promise<void> {
    // The signing itself runs in the thread pool, where no clock of ours reaches.
    while (failures.length < count) await new Promise((resolve) => setImmediate(resolve));
  }
});
