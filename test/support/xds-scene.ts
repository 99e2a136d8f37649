// One test's server and clients: opened with one call, closed after the test, with words for what must not happen.

import { afterEach, beforeAll } from 'vitest';
import { loadServices, type LoadedServices } from '../../proto/loader.ts';
import { waitFor } from './wait-for.ts';
import { XdsClient, type Variant, type XdsStream } from './xds-client.ts';
import { startXdsServer, type XdsServer, type XdsServerOptions } from './xds-server.ts';

export interface XdsScene extends XdsServer {
  readonly client: XdsClient;
  stream(variant: Variant, typeUrl: string): XdsStream;
  /** Every request that was sent has been read and acted on. */
  settled(): Promise<void>;
  /** Responses that the server sent, every request being acted on, and that no test has looked at. */
  unseen(): Promise<number>;
}

/** Call once in a test file; the result opens scenes. */
export function xdsScenes(): (options?: XdsServerOptions) => Promise<XdsScene> {
  let services: LoadedServices | undefined;
  const scenes: { stop: () => Promise<void> }[] = [];
  beforeAll(() => {
    services = loadServices();
  });
  afterEach(async () => {
    for (const scene of scenes.splice(0)) await scene.stop();
  });
  return async (options = {}) => {
    if (services === undefined) throw new Error('call xdsScenes() at the top of the file');
    const server = await startXdsServer(options);
    const client = new XdsClient(server.address, services);
    const streams: XdsStream[] = [];
    const sent = (): number => streams.reduce((sum, stream) => sum + stream.sent, 0);
    const settled = async (): Promise<void> => {
      const what = 'the server to read every request';
      await waitFor(
        () => server.metrics.count('requests'),
        (count) => count === sent(),
        { what, intervalMs: 2 },
      );
    };
    const scene: XdsScene = {
      ...server,
      client,
      stream: (variant, typeUrl) => {
        const stream = client.open(variant, typeUrl);
        streams.push(stream);
        return stream;
      },
      settled,
      unseen: async () => {
        await settled();
        return server.metrics.count('pushes') - streams.reduce((sum, stream) => sum + stream.taken, 0);
      },
      stop: async () => {
        client.close();
        await server.stop();
      },
    };
    scenes.push(scene);
    return scene;
  };
}
