// The TLS port of the webhook: the names that API servers verify, and a certificate that follows the authority without a new port.

import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../ca/clock.ts';
import { Issuer } from '../../../ca/issuer.ts';
import { serverDnsNames } from '../../../ca/server-dns-names.ts';
import { openWebhookServer } from '../../../server/inject/webhook-server.ts';
import { makeAuthority } from '../../support/certificate-authority.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Whether a client that trusts these roots and asks for this name gets a connection. */
async function trusts(port: number, rootsPem: string, servername: string): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, ca: rootsPem, servername });
  try {
    await once(socket, 'secureConnect');
    return socket.authorized;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

it('serves under the names of the instance, and under other roots once the authority is another', async () => {
  const [first, second] = await Promise.all([makeAuthority(), makeAuthority()]);
  const issuer = new Issuer({ material: first.material, clock: systemClock });
  const stop = new AbortController();
  const server = await openWebhookServer(
    {
      bind: '127.0.0.1',
      port: 0,
      handler: (_request, response) => response.end(),
      certificates: {
        issuer,
        clock: systemClock,
        dnsNames: serverDnsNames({ systemNamespace: 'istio-system', revision: 'canary' }),
      },
    },
    stop.signal,
  );
  onTestFinished(async () => {
    stop.abort();
    await server.stopped;
  });
  const { rootsPem } = first.material;
  expect(await trusts(server.port, rootsPem, 'istiod.istio-system.svc')).toBe(true);
  expect(await trusts(server.port, rootsPem, 'istiod-canary.istio-system.svc')).toBe(true);
  expect(await trusts(server.port, rootsPem, 'istiod.elsewhere.svc')).toBe(false);
  issuer.replace(second.material);
  await waitFor(
    () => trusts(server.port, second.material.rootsPem, 'istiod.istio-system.svc'),
    (isTrusted) => isTrusted,
    { what: 'the certificate of the other authority' },
  );
  expect(await trusts(server.port, rootsPem, 'istiod.istio-system.svc')).toBe(false);
});
