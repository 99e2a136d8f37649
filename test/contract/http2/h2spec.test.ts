// The HTTP/2 below the gRPC ports, judged by h2spec: connections that answer every request with a body, then whole ports.

import { describe, expect, test } from 'vitest';
import { openAnsweringPort } from '../../support/http2/answering-port.ts';
import { judge } from '../../support/http2/h2spec.ts';
import { makeTls } from '../../support/http2/server-tls.ts';
import { openScene, paths } from '../../support/http2/transport-scene.ts';

/** Most of it is h2spec waiting for what must not come. */
const timeout = 280_000;

/** Rules that show only by the body of an answer to GET, which a gRPC port answers with 405 and no body. */
const shownByABody = new Set([
  'generic/2: Sends a WINDOW_UPDATE frame on half-closed (remote) stream',
  'generic/2: Sends a PRIORITY frame on half-closed (remote) stream',
  // Answers without a body end their streams at once, however small the window is, so there are never many.
  'http2/5.1.2: Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded',
]);

/** Those that h2spec itself knows to need a body. */
const skippedWithoutABody = [
  'http2/6.5.3: Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE',
  'http2/6.9.1: Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame',
  'http2/6.9.2: Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame',
  'http2/6.9.2: Sends a SETTINGS frame for window size to be negative',
];

describe.each(['plaintext', 'TLS'])('over %s', (transport) => {
  const secured = async () => (transport === 'TLS' ? (await makeTls()).port : undefined);

  test('connections keep every rule', { timeout }, async () => {
    const tls = await secured();
    await using answering = await openAnsweringPort(tls);
    const judgement = await judge({ port: answering.port, path: '/', tls: tls !== undefined });
    expect(judgement).toEqual({ tried: 146, skipped: [], broken: [] });
  });

  test('a gRPC port keeps every rule that shows without a body', { timeout }, async () => {
    const tls = await secured();
    await using scene = await openScene({ tls });
    const judgement = await judge({ port: scene.port.port, path: paths.once, tls: tls !== undefined });
    expect(judgement.skipped).toEqual(skippedWithoutABody);
    expect(judgement.tried).toBe(142);
    expect(judgement.broken.filter(({ rule }) => !shownByABody.has(rule))).toEqual([]);
  });
});
