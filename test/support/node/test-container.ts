// One container of a pod: its process, hooks, probes, restarts and logs. In: what the pod says of it and how to make its command line.
// Out: its state as a kubelet reports it; a call whenever that changes.

import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1LifecycleHandler, V1Probe } from '@kubernetes/client-node';
import type { Clock } from '../../../ca/clock.ts';
import { run, startProcess, type ProcessExit, type RunResult, type RunningProcess } from '../process.ts';
import { commandInside, containerCommand, insideMark, type ContainerCommandOptions } from './container-command.ts';
import { runProbes } from './container-probes.ts';
import type { NetworkProbe } from './network-probe.ts';
import type { Environment } from './pod-environment.ts';

export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string | undefined }
  | { readonly kind: 'running'; readonly startedAt: string }
  | {
      readonly kind: 'terminated';
      readonly exitCode: number;
      readonly reason: string;
      readonly startedAt: string;
      readonly finishedAt: string;
    };

/** What is worked out anew for each start. */
export interface ContainerLaunch {
  readonly command: ContainerCommandOptions;
  readonly environment: Environment;
}

export interface TestContainerOptions {
  readonly spec: V1Container;
  readonly restartPolicy: 'Always' | 'OnFailure' | 'Never';
  readonly podIp: string;
  /** Of its own; for its roots. */
  readonly directory: string;
  readonly clock: Clock;
  /** Throws a `LaunchError` when it can't be started yet. */
  readonly launch: (rootDirectory: string) => ContainerLaunch;
  readonly probe: (probe: NetworkProbe) => Promise<string | undefined>;
  readonly graceSeconds: number;
  readonly onChange: () => void;
}

/** Why a container can't be started, as its waiting state says it. It is tried again. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

const maxLogLines = 20_000;
const firstBackOffMs = 500;
const longestBackOffMs = 20_000;

export class TestContainer {
  readonly spec: V1Container;
  state: ContainerState = { kind: 'waiting', reason: 'PodInitializing' };
  lastState: ContainerState | undefined;
  started = false;
  ready = false;
  restartCount = 0;
  readonly #options: TestContainerOptions;
  readonly #log: string[] = [];
  readonly #stop = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  readonly #begun = Promise.withResolvers<void>();
  #process: RunningProcess | undefined;
  #launch: ContainerLaunch | undefined;
  #inside = false;
  #running: Promise<void> | undefined;

  constructor(options: TestContainerOptions) {
    this.#options = options;
    this.spec = options.spec;
  }

  /** Standard output and standard error of all its runs. */
  get log(): string {
    return this.#log.map((line) => `${line}\n`).join('');
  }

  get exitCode(): number | undefined {
    return this.state.kind === 'terminated' ? this.state.exitCode : undefined;
  }

  /** Resolves when its first run has begun and its `postStart` is done, as the next container waits for it. */
  async begin(): Promise<void> {
    this.#running ??= this.#runAgainAndAgain();
    await Promise.race([this.#begun.promise, this.#running]);
  }

  /** Resolves when it has started, by its startup probe if it has one; also when it has ended for good. */
  async untilStarted(): Promise<void> {
    await this.begin();
    await Promise.race([this.#started.promise, this.#running]);
  }

  /** Resolves when it has ended and will not be started again. */
  async untilEnded(): Promise<void> {
    await this.begin();
    await this.#running;
  }

  /** `preStop`, SIGTERM, and SIGKILL when the time is over. Resolves when nothing of it runs. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    if (this.#process?.running === true) await this.#end(this.#process, graceMs);
    await this.#running;
  }

  /** Runs a program in it; any exit code is a result. */
  async exec(argv: readonly string[], timeoutMs?: number): Promise<RunResult> {
    const pid = this.#process?.pid;
    if (this.#process?.running !== true || pid === undefined || this.#launch === undefined || !this.#inside) {
      throw new Error(`container ${this.spec.name} is not running`);
    }
    const { command, environment } = this.#launch;
    const line = ['env', '-i', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`), ...argv];
    return await run(commandInside(pid, command, line), timeoutMs === undefined ? {} : { timeoutMs });
  }

  async #runAgainAndAgain(): Promise<void> {
    const { clock, restartPolicy } = this.#options;
    const stop = this.#stop.signal;
    let waitMs = firstBackOffMs;
    while (!stop.aborted) {
      try {
        const { code } = await this.#runOnce();
        if (stop.aborted || restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && code === 0)) return;
      } catch (error) {
        if (!(error instanceof LaunchError)) throw error;
        this.#change({ kind: 'waiting', reason: error.reason, message: error.message });
        this.#begun.resolve();
        await clock.sleep(firstBackOffMs, stop);
        continue;
      }
      this.lastState = this.state;
      const message = `back-off ${waitMs} ms restarting failed container`;
      this.#change({ kind: 'waiting', reason: 'CrashLoopBackOff', message });
      await clock.sleep(waitMs, stop);
      if (stop.aborted) {
        this.#change(this.lastState);
        return;
      }
      waitMs = Math.min(2 * waitMs, longestBackOffMs);
      this.restartCount += 1;
    }
  }

  async #runOnce(): Promise<ProcessExit> {
    const { spec, directory, clock } = this.#options;
    const root = join(directory, `root-${this.restartCount}`);
    const launch = this.#options.launch(root);
    await mkdir(root, { recursive: true });
    const began = startProcess(containerCommand(launch.command), {
      name: spec.name,
      env: { ...launch.environment },
      cleanEnv: true,
      ownGroup: true,
      onLine: (line) => this.#addLine(line),
    });
    this.#process = began;
    this.#launch = launch;
    const startedAt = new Date(clock.now()).toISOString();
    this.#change({ kind: 'running', startedAt });
    const over = new AbortController();
    const tended = this.#tend(began, over.signal);
    const exit = await began.exited;
    began.killGroup();
    over.abort();
    await tended;
    await rm(root, { recursive: true, force: true });
    this.started = false;
    this.ready = false;
    this.#inside = false;
    this.#begun.resolve();
    const exitCode = exit.signal === null ? (exit.code ?? 255) : exit.signal === 'SIGKILL' ? 137 : 143;
    const reason = exitCode === 0 ? 'Completed' : 'Error';
    this.#change({ kind: 'terminated', exitCode, reason, startedAt, finishedAt: new Date(clock.now()).toISOString() });
    return { code: exitCode, signal: exit.signal };
  }

  /** Hooks and probes of one run. */
  async #tend(began: RunningProcess, signal: AbortSignal): Promise<void> {
    const { spec, clock, graceSeconds } = this.#options;
    const { postStart } = spec.lifecycle ?? {};
    await this.#untilInside(began, signal);
    if (postStart !== undefined && !signal.aborted) {
      const why = await this.#hook(postStart, 120_000);
      if (why !== undefined && !signal.aborted) {
        this.#addLine(`PostStartHookError: ${why}`);
        await this.#end(began, graceSeconds * 1000);
        return;
      }
    }
    if (signal.aborted) return;
    this.#begun.resolve();
    await runProbes({
      container: spec,
      clock,
      signal,
      ask: (probe) => this.#ask(probe),
      onStarted: () => {
        this.started = true;
        this.#started.resolve();
        this.#options.onChange();
      },
      onReady: (ready, why) => {
        if (ready === this.ready) return;
        if (!ready) this.#addLine(`Readiness probe failed: ${why}`);
        this.ready = ready;
        this.#options.onChange();
      },
      onDead: (which, why, probe) => {
        this.#addLine(`${which} probe failed: ${why}`);
        void this.#end(began, (probe.terminationGracePeriodSeconds ?? graceSeconds) * 1000);
      },
    });
  }

  /** Until the container has its own root: what is run in it before would be run on this machine's files. */
  async #untilInside({ pid }: RunningProcess, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#inside = await access(`/proc/${pid}/root${insideMark}`).then(
        () => true,
        () => false,
      );
      if (this.#inside) return;
      await this.#options.clock.sleep(10, signal);
    }
  }

  /** Undefined when it went well. */
  async #hook({ exec, httpGet, sleep }: V1LifecycleHandler, timeoutMs: number): Promise<string | undefined> {
    try {
      if (exec !== undefined) return resultOf(await this.exec(exec.command ?? [], timeoutMs));
      if (httpGet !== undefined) return await this.#options.probe({ ...this.#http({ httpGet }), timeoutMs });
      if (sleep !== undefined)
        await this.#options.clock.sleep(Math.min(sleep.seconds * 1000, timeoutMs), new AbortController().signal);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #ask(probe: V1Probe): Promise<string | undefined> {
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    const { podIp: host } = this.#options;
    const { exec, tcpSocket, grpc } = probe;
    if (exec !== undefined) return resultOf(await this.exec(exec.command ?? [], timeoutMs));
    if (tcpSocket !== undefined) {
      const port = this.#port(tcpSocket.port);
      return await this.#options.probe({ kind: 'tcp', host: tcpSocket.host ?? host, port, timeoutMs });
    }
    if (grpc !== undefined) {
      return await this.#options.probe({ kind: 'grpc', host, port: grpc.port, service: grpc.service ?? '', timeoutMs });
    }
    return await this.#options.probe({ ...this.#http(probe), timeoutMs });
  }

  #http({ httpGet }: Pick<V1Probe, 'httpGet'>): Omit<Extract<NetworkProbe, { kind: 'http' }>, 'timeoutMs'> {
    if (httpGet === undefined) throw new Error('the probe asks for nothing');
    const host = httpGet.host ?? this.#options.podIp;
    const path = httpGet.path ?? '/';
    const url = `${(httpGet.scheme ?? 'HTTP').toLowerCase()}://${host}:${this.#port(httpGet.port)}`;
    const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    return { kind: 'http', url: url + (path.startsWith('/') ? path : `/${path}`), headers };
  }

  #port(port: number | string): number {
    if (typeof port === 'number') return port;
    const named = this.spec.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
    if (!Number.isInteger(named)) throw new Error(`container ${this.spec.name} has no port "${port}"`);
    return named;
  }

  async #end(process: RunningProcess, graceMs: number): Promise<void> {
    const { preStop } = this.spec.lifecycle ?? {};
    const endAtMs = performance.now() + graceMs;
    if (preStop !== undefined && graceMs > 0) {
      const why = await this.#hook(preStop, graceMs);
      if (why !== undefined) this.#addLine(`FailedPreStopHook: ${why}`);
    }
    await process.stop({ graceMs: Math.max(graceMs === 0 ? 0 : 500, endAtMs - performance.now()) });
    process.killGroup();
  }

  #addLine(line: string): void {
    this.#log.push(line);
    if (this.#log.length > maxLogLines) this.#log.shift();
  }

  #change(state: ContainerState): void {
    this.state = state;
    this.#options.onChange();
  }
}

function resultOf({ code, stdout, stderr }: RunResult): string | undefined {
  return code === 0 ? undefined : `exit code ${code}: ${(stderr || stdout).trim()}`;
}
