// A scripted API server and sources that follow it, new for each test. Everything is stopped after it.

import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach } from 'vitest';
import { KubeSource, type KubeSourceOptions } from '../../../discovery/source/kube/kube-source.ts';
import type { KubeTimings } from '../../../discovery/source/kube/timings.ts';
import { serviceManifest, type Manifest } from '../../support/kube-objects.ts';
import { ScriptedKubeApi, type AskedRequest, type WireObject } from '../../support/scripted-kube-api.ts';
import { SourceListener } from '../../support/source-listener.ts';

const quick: Partial<KubeTimings> = {
  backOffFirstMs: 10,
  backOffLongestMs: 80,
  forbiddenRetryMs: 50,
  rediscoverMs: 40,
  absentGraceMs: 2_000,
};

export interface Opened {
  readonly source: KubeSource;
  readonly listener: SourceListener;
}

export class KubeScene {
  readonly api = new ScriptedKubeApi();
  readonly #listeners: SourceListener[] = [];

  open(options: Partial<KubeSourceOptions> = {}): Opened {
    const { timings, ...rest } = options;
    const credentials = { kind: 'text', kubeconfig: this.api.kubeconfig } as const;
    const source = new KubeSource({ credentials, scope: 'discovery-only', timings: { ...quick, ...timings }, ...rest });
    return { source, listener: this.listen(source) };
  }

  /** Resolves when it has synced. */
  async opened(options: Partial<KubeSourceOptions> = {}): Promise<Opened> {
    const both = this.open(options);
    await both.listener.synced();
    return both;
  }

  listen(source: KubeSource): SourceListener {
    const listener = new SourceListener(source);
    this.#listeners.push(listener);
    return listener;
  }

  /** Answers requests for a resource by `answer` until it has been asked `times` times. */
  failing(resource: string, times: number, answer: (response: ServerResponse, asked: AskedRequest) => void): void {
    let left = times;
    this.api.misbehave = (asked, response) => {
      if (asked.resource !== resource || left === 0) return false;
      left -= 1;
      answer(response, asked);
      return true;
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
    await this.api.stop();
  }
}

/** The scene of the test that runs. */
export function useKubeScene(): { readonly current: () => KubeScene } {
  let scene = new KubeScene();
  beforeEach(async () => {
    scene = new KubeScene();
    await scene.api.start();
  });
  afterEach(() => scene.stop());
  return { current: () => scene };
}

export function wire(manifest: Manifest): WireObject {
  return manifest as WireObject;
}

export const service = (name: string, port = 80): WireObject =>
  wire(serviceManifest(name, { ports: [{ name: 'http', port }] }));

/** The port of a service as it was told last. */
export function portOf(listener: SourceListener, name: string): string | undefined {
  const spec = JSON.stringify(listener.objects.get(`Service/sample/${name}`)?.body['spec']);
  return /"port":(\d+)/.exec(spec)?.[1];
}
