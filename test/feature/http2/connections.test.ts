// How connections of a gRPC port are kept, and how they end: pings, farewells, ages.

import grpc from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { RawClient } from '../../support/http2/raw-client.ts';
import {
  dataFrame,
  encodeFrame,
  errorCodes,
  flags,
  frameTypes,
  grpcMessage,
  grpcRequest,
  headersFrames,
  pingFrame,
  settingsFrame,
  type Frame,
} from '../../support/http2/raw-frames.ts';
import { makeTls } from '../../support/http2/server-tls.ts';
import { GrpcClient, openScene, paths } from '../../support/http2/transport-scene.ts';

const message = grpcMessage(Buffer.from('x'));

function begin(streamId: number, path: string = paths.echo): Buffer {
  return Buffer.concat([headersFrames(streamId, grpcRequest(path)), dataFrame(streamId, message)]);
}

const isServerPing = ({ type, flags: bits }: Frame): boolean => type === frameTypes.ping && (bits & flags.ack) === 0;

/** The highest stream that is served, by the last GOAWAY. */
function lastStream(client: RawClient): number | undefined {
  return client.frames.findLast(({ type }) => type === frameTypes.goaway)?.payload.readUInt32BE(0);
}

describe('a connection', () => {
  test('begins with the settings of the server, which acknowledges those of the client', async () => {
    await using scene = await openScene({ limits: { maxConcurrentStreams: 7, maxHeaderBytes: 5000 } });
    using client = await RawClient.connect(scene.port.port);
    await client.roundTrip();
    const [first] = client.frames;
    const settings = new Map<number, number>();
    for (let at = 0; at < (first?.payload.length ?? 0); at += 6) {
      settings.set(first?.payload.readUInt16BE(at) ?? 0, first?.payload.readUInt32BE(at + 2) ?? 0);
    }
    expect(first).toMatchObject({ type: frameTypes.settings, flags: 0, streamId: 0 });
    expect([settings.get(3), settings.get(6)]).toEqual([7, 5000]);
    expect(client.find(({ type, flags: bits }) => type === frameTypes.settings && bits === flags.ack)).toBeDefined();
  });

  test('is told the settings of the server before it has said a word', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { settings: 'none' });
    await client.frame(({ type }) => type === frameTypes.settings, 'the settings of the server');
    expect(client.closed).toBe(false);
  });

  test('has the pings of its client answered with what they carried, in order', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    const payloads = Array.from({ length: 20 }, (_, index) => Buffer.from(`ping ${String(index).padStart(3)}`));
    client.write(...payloads.map((payload) => pingFrame(payload)));
    await client.until(() => client.frames.filter(({ type }) => type === frameTypes.ping).length === 20, '20 answers');
    const answers = client.frames.filter(({ type }) => type === frameTypes.ping);
    expect(answers.map(({ payload }) => payload.toString())).toEqual(payloads.map(String));
    expect(new Set(answers.map(({ flags: bits }) => bits))).toEqual(new Set([flags.ack]));
  });

  test('whose client answers the pings of the server stays', async () => {
    await using scene = await openScene({ limits: { keepaliveMs: 20, keepaliveTimeoutMs: 5000 } });
    using client = await RawClient.connect(scene.port.port);
    await client.until(() => client.frames.filter(isServerPing).length >= 5, 'five pings');
    client.write(begin(1), dataFrame(1, message, true));
    await client.streamEnded(1);
    expect(client.received(1)).toEqual(Buffer.concat([message, message]));
  });

  test('whose client does not answer them is closed, and its calls are told', async () => {
    await using scene = await openScene({ limits: { keepaliveMs: 20, keepaliveTimeoutMs: 60 } });
    using client = await RawClient.connect(scene.port.port, { answersPings: false });
    client.write(begin(1));
    await client.end();
    await expect.poll(() => scene.interrupted.map(({ code }) => code)).toEqual(['CANCELLED']);
  });

  test('is not fooled by answers to pings that were never sent', async () => {
    await using scene = await openScene({ limits: { keepaliveMs: 20, keepaliveTimeoutMs: 100 } });
    using client = await RawClient.connect(scene.port.port, { answersPings: false });
    await client.frame(isServerPing, 'a ping');
    client.write(pingFrame(Buffer.from('not this'), flags.ack));
    await client.end();
    expect(client.closed).toBe(true);
  });

  test('is not fooled by many answers to pings that were never sent', async () => {
    await using scene = await openScene({ limits: { keepaliveMs: 20, keepaliveTimeoutMs: 100 } });
    using client = await RawClient.connect(scene.port.port, { answersPings: false });
    const lie = setInterval(() => client.write(pingFrame(Buffer.from('not this'), flags.ack)), 10);
    await client.end().finally(() => clearInterval(lie));
    expect(client.closed).toBe(true);
  });

  test('ends when its client half-closes it, once nothing is open', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(begin(1), dataFrame(1, message, true));
    await client.streamEnded(1);
    client.socket.end();
    await client.end();
    expect(client.goawayCode ?? 'noError').toBe('noError');
  });
});

describe('when the port closes', () => {
  test('what was opened before the client heard of it is served, and the connection ends by itself', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { answersPings: false });
    client.write(begin(1));
    await client.until(() => client.received(1).length === message.length, 'an echo');
    const closed = scene.port.close(new AbortController().signal);
    await client.frame(({ type }) => type === frameTypes.goaway, 'the farewell');
    expect([client.goawayCode, lastStream(client)]).toEqual(['noError', 2 ** 31 - 1]);
    // Had been on its way: the server learns that the client has heard the farewell only from the answer to its ping.
    client.write(begin(3));
    await client.until(() => client.received(3).length === message.length, 'an echo on a late stream');
    const ping = await client.frame(isServerPing, 'a ping');
    client.write(pingFrame(ping.payload, flags.ack));
    await client.until(() => lastStream(client) === 3, 'the second farewell');
    for (const streamId of [1, 3]) client.write(dataFrame(streamId, message, true));
    await client.streamEnded(1);
    await client.streamEnded(3);
    expect(await client.end()).toEqual({ code: 'noError' });
    await closed;
    expect(scene.interrupted).toEqual([]);
  });

  test('what is opened after the second farewell is not served, and may be tried elsewhere', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(begin(1));
    await client.until(() => client.received(1).length === message.length, 'an echo');
    const closed = scene.port.close(new AbortController().signal);
    await client.until(() => lastStream(client) === 1, 'the second farewell');
    const before = scene.begun();
    client.write(begin(3));
    await client.roundTrip();
    expect(scene.begun()).toBe(before);
    expect(client.resetCode(3) ?? errorCodes.refusedStream).toBe(errorCodes.refusedStream);
    client.write(dataFrame(1, message, true));
    await client.streamEnded(1);
    expect(client.received(1).length).toBe(2 * message.length);
    await client.end();
    await closed;
  });

  test('a client that does not say that it has heard is told what is served, and may not open streams for ever', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { answersPings: false });
    await client.roundTrip();
    const closed = scene.port.close(new AbortController().signal);
    await client.frame(({ type }) => type === frameTypes.goaway, 'the farewell');
    // Slowly, and one is always open.
    client.write(begin(1));
    await client.until(() => client.received(1).length === message.length, 'an echo');
    let last = 1;
    while (client.resetCode(last) === undefined) {
      last += 2;
      client.write(begin(last));
      await client.until(
        () => client.received(last).length === message.length || client.resetCode(last) !== undefined,
        'an echo, or a refusal',
      );
      if (client.resetCode(last) === undefined) {
        client.write(dataFrame(last - 2, message, true));
        await client.streamEnded(last - 2);
      }
      await delay(20);
    }
    expect(client.resetCode(last)).toBe(errorCodes.refusedStream);
    expect(lastStream(client)).toBe(last - 2);
    client.write(dataFrame(last - 2, message, true));
    expect(await client.end()).toEqual({ code: 'noError' });
    await closed;
  });

  test('a client that is still at its TLS handshake is not let in', async () => {
    const { port: tls, anonymous } = await makeTls();
    await using scene = await openScene({ tls });
    const socket = connectTcp(scene.port.port, '127.0.0.1');
    await once(socket, 'connect');
    // Accepted after the first.
    using client = await RawClient.connect(scene.port.port, { tls: anonymous });
    await client.roundTrip();
    const closed = scene.port.close(new AbortController().signal);
    await client.frame(({ type }) => type === frameTypes.goaway, 'the farewell');
    const late = connectTls({ socket, ALPNProtocols: ['h2'], ...anonymous });
    late.on('error', () => undefined);
    late.resume();
    await once(late, 'close');
    await closed;
    expect(scene.begun()).toBe(0);
  });

  test('grpc-js loses no call of a steady stream of calls', async () => {
    await using first = await openScene();
    using client = new GrpcClient(first.port.port);
    const open = client.open(paths.echo);
    const status = once(open, 'status') as Promise<[grpc.StatusObject]>;
    const received: string[] = [];
    open.on('data', (bytes: Buffer) => received.push(bytes.toString()));
    open.write(Buffer.from('before'));
    await expect.poll(() => received).toEqual(['before']);
    const closed = first.port.close(new AbortController().signal);
    open.write(Buffer.from('after'));
    open.end();
    expect((await status)[0].code).toBe(grpc.status.OK);
    expect(received).toEqual(['before', 'after']);
    await closed;
  });

  test('a client that says farewell too is served to the end', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port);
    client.write(
      begin(1),
      encodeFrame({ type: frameTypes.goaway, payload: Buffer.alloc(8) }),
      dataFrame(1, message, true),
    );
    await client.streamEnded(1);
    expect(client.received(1)).toEqual(Buffer.concat([message, message]));
    const closed = scene.port.close(new AbortController().signal);
    expect(await client.end()).toEqual({ code: 'noError' });
    await closed;
  });

  test('one that never answers is cut when the patience of the port ends', async () => {
    await using scene = await openScene();
    using client = await RawClient.connect(scene.port.port, { answersPings: false });
    client.write(begin(1), settingsFrame());
    client.ledger.announce({});
    await client.until(() => client.received(1).length === message.length, 'an echo');
    const patience = new AbortController();
    const closed = scene.port.close(patience.signal);
    await client.frame(({ type }) => type === frameTypes.goaway, 'the farewell');
    patience.abort();
    await closed;
    await client.end();
    await expect.poll(() => scene.interrupted.map(({ code }) => code)).toEqual(['CANCELLED']);
  });
});
