// Tells the API server the status of one pod. In: how it is now, and that this changed. Out: one report after another; what changes
// meanwhile is in the next, and a server that can't be reached is told when it can.

import type { V1Pod } from '@kubernetes/client-node';
import type { Clock } from '../../../ca/clock.ts';
import type { KubeApi } from '../kube-api.ts';
import { podStatus, type PodProgress } from './pod-status.ts';
import { singleRunner } from './single-runner.ts';

export interface StatusReporterOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly pod: () => V1Pod;
  readonly progress: () => PodProgress;
  /** Ends waiting for a server. */
  readonly signal: AbortSignal;
  readonly onProblem: (text: string) => void;
}

const retryMs = 300;

export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #runner = singleRunner(
    () => this.#tell(),
    (error) => this.#options.onProblem(String(error)),
  );
  #stopped = false;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  report(): void {
    this.#runner.again();
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#stopped = true;
  }

  async idle(): Promise<void> {
    await this.#runner.idle();
  }

  async #tell(): Promise<void> {
    const { api, clock, signal, onProblem } = this.#options;
    if (this.#stopped) return;
    const pod = this.#options.pod();
    const { name, namespace, uid } = pod.metadata ?? {};
    const status = podStatus(this.#options.progress(), new Date(clock.now()).toISOString(), pod.status);
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid }, status };
    const answer = await api
      .raw('PATCH', `${podPath(pod)}/status?fieldManager=kubelet&force=true`, body)
      .catch((error: unknown) => ({ status: 0, body: String(error) }));
    // The pod is gone, or another one has its name.
    if ((answer.status > 0 && answer.status < 400) || answer.status === 404 || answer.status === 409) return;
    if (answer.status !== 0 && answer.status < 500 && answer.status !== 429) {
      onProblem(`the status of pod ${namespace}/${name} is refused: ${answer.body}`);
      return;
    }
    await clock.sleep(retryMs, signal);
    if (!signal.aborted) this.report();
  }
}

export function podPath({ metadata }: V1Pod): string {
  return `/api/v1/namespaces/${metadata?.namespace}/pods/${metadata?.name}`;
}
