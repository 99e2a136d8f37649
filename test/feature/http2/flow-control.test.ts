// Flow control of what a gRPC port sends (RFC 9113, 5.2 and 6.9): within every window that a client may choose, whenever it
// changes, and fair between streams.

import { describe, expect, test } from 'vitest';
import { RawClient } from '../../support/http2/raw-client.ts';
import {
  dataFrame,
  errorCodes,
  flags,
  frameTypes,
  grpcMessage,
  grpcRequest,
  headersFrames,
  windowUpdateFrame,
  rstStreamFrame,
  type Settings,
} from '../../support/http2/raw-frames.ts';
import { openScene, paths, producedLength, uint32, type TransportScene } from '../../support/http2/transport-scene.ts';

const maxWindow = 2 ** 31 - 1;
const defaultWindow = 65_535;

function connect({ port }: TransportScene, settings: Settings): Promise<RawClient> {
  return RawClient.connect(port.port, { settings });
}

/** Asks for so many bytes on a stream. */
function ask(streamId: number, bytes: number): Buffer {
  return Buffer.concat([
    headersFrames(streamId, grpcRequest(paths.produce)),
    dataFrame(streamId, grpcMessage(uint32(bytes)), true),
  ]);
}

function grant(client: RawClient, streamId: number, bytes: number): void {
  client.ledger.grant(streamId, bytes);
  client.write(windowUpdateFrame(streamId, bytes));
}

/** Gives back, again and again, what was received, until the stream ends. */
async function drain(client: RawClient, streamId: number): Promise<void> {
  let returned = 0;
  while (!client.ended(streamId)) {
    await client.until(() => client.received(streamId).length > returned || client.ended(streamId), 'more data');
    const taken = client.received(streamId).length - returned;
    returned += taken;
    if (taken > 0) for (const id of [0, streamId]) grant(client, id, taken);
  }
}

/** Headers pass whatever the windows are, so they show that an answer waits. */
async function answersBegin(client: RawClient, streams: readonly number[]): Promise<void> {
  const begun = (): ReadonlySet<number> =>
    new Set(client.frames.filter(({ type }) => type === frameTypes.headers).map(({ streamId }) => streamId));
  await client.until(() => streams.every((streamId) => begun().has(streamId)), 'the headers of all answers');
}

function dataSizes(client: RawClient): readonly number[] {
  return client.frames.filter(({ type }) => type === frameTypes.data).map(({ payload }) => payload.length);
}

describe('a window', () => {
  test.each([
    [1, 300],
    [7, 2000],
    [1000, 100_000],
    [16_384, 300_000],
    [defaultWindow, 1_000_000],
    [maxWindow, 1_000_000],
  ])('of %i bytes is filled, refilled and never overdrawn', async (initialWindowSize, bytes) => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize });
    client.write(ask(1, bytes));
    if (initialWindowSize === maxWindow) grant(client, 0, maxWindow - defaultWindow);
    if (initialWindowSize === maxWindow) await client.streamEnded(1);
    else await drain(client, 1);
    expect(client.received(1).length).toBe(producedLength(bytes));
    expect(client.ledger.violations).toEqual([]);
  });

  test('of no bytes lets headers, trailers and empty answers pass', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: 0 });
    client.write(ask(1, 0), ask(3, 10), headersFrames(5, grpcRequest('/test.Service/Nothing'), { end: true }));
    await client.streamEnded(1);
    await client.streamEnded(5);
    await client.roundTrip();
    await answersBegin(client, [3]);
    expect(client.ended(3)).toBe(false);
    expect(client.received(3).length).toBe(0);
    grant(client, 3, 4);
    await client.until(() => client.received(3).length === 4, 'four bytes');
    grant(client, 3, 11);
    await client.streamEnded(3);
    expect(client.ledger.violations).toEqual([]);
  });

  test('of the connection stops all streams, and lets them go on when it is refilled', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: maxWindow });
    const streams = [1, 3, 5];
    for (const streamId of streams) client.write(ask(streamId, 100_000));
    const total = (): number => streams.reduce((sum, streamId) => sum + client.received(streamId).length, 0);
    await client.until(() => total() === defaultWindow, 'a full window');
    await client.roundTrip();
    expect(total()).toBe(defaultWindow);
    grant(client, 0, 1);
    await client.until(() => total() === defaultWindow + 1, 'one byte more');
    grant(client, 0, 10_000_000);
    for (const streamId of streams) await client.streamEnded(streamId);
    expect(total()).toBe(3 * producedLength(100_000));
    expect(client.ledger.violations).toEqual([]);
  });

  test('that settings shrink below what was sent stays shut until it is positive again', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: 50_000 });
    client.write(ask(1, 200_000));
    await client.until(() => client.received(1).length === 50_000, 'a full window');
    client.sendSettings({ initialWindowSize: 10_000 });
    await client.roundTrip();
    expect(client.ledger.serverRoom(1)).toBe(-40_000);
    // "A sender MUST track the negative flow-control window and MUST NOT send new flow-controlled frames until …" positive.
    grant(client, 1, 39_999);
    grant(client, 1, 1);
    await client.roundTrip();
    expect(client.received(1).length).toBe(50_000);
    grant(client, 1, 3);
    await client.until(() => client.received(1).length === 50_003, 'three bytes');
    grant(client, 0, 1_000_000);
    client.sendSettings({ initialWindowSize: 20_000 });
    await client.until(() => client.received(1).length === 60_003, 'what the settings have added');
    client.sendSettings({ initialWindowSize: 1_000_000 });
    await client.streamEnded(1);
    expect(client.received(1).length).toBe(producedLength(200_000));
    expect(client.ledger.violations).toEqual([]);
  });

  test('that changes with many settings in one chunk is the last one, and all are acknowledged', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: 0 });
    client.write(ask(1, 50_000));
    client.socket.cork();
    for (const initialWindowSize of [1000, 0, 30_000, 5, 20_000]) client.sendSettings({ initialWindowSize });
    client.socket.uncork();
    const acknowledged = (): number =>
      client.frames.filter(({ type, flags: bits }) => type === frameTypes.settings && bits === flags.ack).length;
    await client.until(() => acknowledged() === 6, 'six acknowledgements');
    await client.until(() => client.received(1).length >= 20_000, 'the last window');
    // 30,000 stood for a moment, and may have been used.
    expect(client.received(1).length).toBeLessThanOrEqual(30_000);
    expect(client.ledger.violations).toEqual([]);
  });

  test('that grows while its stream is quiet is there when the stream speaks', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: 0 });
    client.write(headersFrames(1, grpcRequest(paths.produce)));
    for (let count = 0; count < 100; count += 1) grant(client, 1, 700);
    client.write(dataFrame(1, grpcMessage(uint32(60_000)), true));
    await client.streamEnded(1);
    expect(client.received(1).length).toBe(producedLength(60_000));
    expect(client.ledger.violations).toEqual([]);
  });
});

describe('frames', () => {
  test.each([16_384, 20_000, 2 ** 24 - 1])('are no larger than the client takes: %i bytes', async (maxFrameSize) => {
    await using scene = await openScene();
    using client = await connect(scene, { maxFrameSize, initialWindowSize: maxWindow });
    grant(client, 0, maxWindow - defaultWindow);
    client.write(ask(1, 3_000_000));
    await client.streamEnded(1);
    expect(client.received(1).length).toBe(producedLength(3_000_000));
    expect(client.ledger.violations).toEqual([]);
  });

  test('follow a size that changes in the middle of an answer', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { maxFrameSize: 2 ** 20, initialWindowSize: 100_000 });
    grant(client, 0, maxWindow - defaultWindow);
    client.write(ask(1, 1_000_000));
    await client.until(() => client.received(1).length === 100_000, 'a full window');
    client.sendSettings({ maxFrameSize: 16_384 });
    grant(client, 1, 2_000_000);
    await client.streamEnded(1);
    expect(client.received(1).length).toBe(producedLength(1_000_000));
    expect(client.ledger.violations).toEqual([]);
  });

  test('are not cut needlessly small', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: maxWindow });
    grant(client, 0, maxWindow - defaultWindow);
    client.write(ask(1, 1_600_000));
    await client.streamEnded(1);
    expect(dataSizes(client).length).toBeLessThan(250);
  });
});

describe('streams of one connection', () => {
  test('take turns: none of a hundred ends before each has begun', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: maxWindow });
    const streams = Array.from({ length: 100 }, (_, index) => 1 + 2 * index);
    // They wait for the connection, so that all are asked for before the first can be whole.
    for (const streamId of streams) client.write(ask(streamId, 200_000));
    await answersBegin(client, streams);
    grant(client, 0, 100_000_000);
    for (const streamId of streams) await client.streamEnded(streamId);
    const first = client.frames.findIndex(
      ({ type, flags: bits, streamId }) =>
        type === frameTypes.headers && (bits & flags.endStream) !== 0 && streamId > 0,
    );
    const before = new Set(
      client.frames
        .slice(0, first)
        .filter(({ type }) => type === frameTypes.data)
        .map(({ streamId }) => streamId),
    );
    expect(before.size).toBe(100);
    for (const streamId of streams) expect(client.received(streamId).length).toBe(producedLength(200_000));
    expect(client.ledger.violations).toEqual([]);
  });

  test('take turns also where the client opens its connection bit by bit', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: maxWindow });
    const streams = [1, 3, 5];
    for (const streamId of streams) client.write(ask(streamId, 1_000_000));
    const total = (): number => streams.reduce((sum, streamId) => sum + client.received(streamId).length, 0);
    await answersBegin(client, streams);
    for (let rounds = 1; rounds <= 9; rounds += 1) {
      grant(client, 0, 1000);
      await client.until(() => total() === defaultWindow + 1000 * rounds, 'what was granted');
    }
    for (const streamId of streams) expect(client.received(streamId).length).toBeGreaterThan(2000);
    expect(client.ledger.violations).toEqual([]);
  });

  test('are not held up by one whose window is shut', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: 10_000 });
    grant(client, 0, maxWindow - defaultWindow);
    client.write(ask(1, 500_000), ask(3, 5000), ask(5, 5000));
    await client.streamEnded(3);
    await client.streamEnded(5);
    await client.until(() => client.received(1).length >= 10_000, 'a full window');
    await client.roundTrip();
    expect(client.received(1).length).toBe(10_000);
    expect(client.ledger.violations).toEqual([]);
  });
});

describe('what a client may send', () => {
  test('is given back as it is read, so that a message larger than any window arrives', async () => {
    await using scene = await openScene();
    using client = await connect(scene, { initialWindowSize: maxWindow });
    grant(client, 0, maxWindow - defaultWindow);
    client.write(headersFrames(1, grpcRequest(paths.echo)));
    const message = grpcMessage(Buffer.alloc(3_000_000, 'x'));
    await client.finish(1, message);
    await client.streamEnded(1);
    expect(client.received(1).equals(message)).toBe(true);
  });

  test.each(['client', 'server'])('and nobody has read is given back when the %s resets its stream', async (who) => {
    await using scene = await openScene();
    using client = await connect(scene, {});
    // Far more than the window of the connection, which is a few of these.
    for (let streamId = 1; streamId < 80; streamId += 2) {
      client.write(headersFrames(streamId, grpcRequest(paths.deaf)));
      await client.until(() => client.ledger.room(streamId) > 50_000, 'room in the connection');
      for (let sent = 0; sent < 48_000; sent += 16_000) {
        client.ledger.spend(streamId, 16_000);
        client.write(dataFrame(streamId, Buffer.alloc(16_000)));
      }
      client.write(who === 'client' ? rstStreamFrame(streamId) : windowUpdateFrame(streamId, 0));
    }
    await expect.poll(() => scene.open()).toBe(0);
    client.write(headersFrames(81, grpcRequest(paths.echo)), dataFrame(81, grpcMessage(Buffer.from('x')), true));
    await client.streamEnded(81);
    expect(client.received(81)).toEqual(grpcMessage(Buffer.from('x')));
  });

  test('is exactly its window; a byte more is refused with FLOW_CONTROL_ERROR', async () => {
    await using scene = await openScene();
    using client = await connect(scene, {});
    client.write(headersFrames(1, grpcRequest(paths.deaf)));
    await client.roundTrip();
    while (client.ledger.room(1) > 0) {
      const bytes = Math.min(16_384, client.ledger.room(1));
      client.ledger.spend(1, bytes);
      client.write(dataFrame(1, Buffer.alloc(bytes)));
    }
    await client.roundTrip();
    expect([client.resetCode(1), client.goawayCode]).toEqual([undefined, undefined]);
    client.write(dataFrame(1, Buffer.of(0)));
    await client.until(() => client.resetCode(1) !== undefined || client.goawayCode !== undefined, 'a refusal');
    const { flowControlError } = errorCodes;
    expect(client.goawayCode ?? client.resetCode(1)).toBe(
      client.goawayCode === undefined ? flowControlError : 'flowControlError',
    );
  });
});
