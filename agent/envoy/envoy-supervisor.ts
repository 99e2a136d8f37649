// Runs Envoy for as long as the agent runs. In: how to start it, and two signals: stop (drain, then end) and kill (end now). Out: resolves
// when Envoy is gone after a signal. An Envoy that dies by itself is started again; one that can't be started at all is an AgentError.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock } from '../../ca/clock.ts';
import { AgentError, reasonOf } from '../agent-error.ts';
import { delayAfterFailures } from '../back-off.ts';
import type { BackOff } from '../back-off.ts';
import type { Log } from '../log.ts';
import type { Owner } from '../owner.ts';
import { openConnections, startDraining } from './envoy-admin.ts';
import type { DrainScope } from './envoy-admin.ts';

export type EnvoyOptions = {
  readonly program: string;
  readonly args: readonly string[];
  /** The user it runs as; undefined for this process's own. */
  readonly owner: Owner | undefined;
  readonly adminPort: number;
  /** Between the wish to stop and SIGTERM; at least, when `drainUntilIdle` says so. */
  readonly drainMs: number;
  /** It then goes on until no client has a connection open; whoever started the agent ends its patience with SIGKILL. */
  readonly drainUntilIdle: boolean;
  /** Ports whose connections don't count for that. */
  readonly ownPorts: readonly number[];
  readonly drainScope: DrainScope;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Takes Envoy's own output, a line at a time. */
  readonly onLine: (line: string) => void;
};

export type StopSignals = { readonly stop: AbortSignal; readonly kill: AbortSignal };

type EnvoyExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

const backOff: BackOff = { firstMs: 200, longestMs: 30_000 };

// One that ran this long was not broken from the start: the next failure counts as the first again.
const stableMs = 60_000;

const termMs = 5000;

const idlePollMs = 1000;

/** Throws AgentError `envoy-not-startable`. */
export async function superviseEnvoy(options: EnvoyOptions, signals: StopSignals): Promise<void> {
  const { clock, log, random } = options;
  let failures = 0;
  while (!signals.stop.aborted) {
    const startedMs = clock.now();
    const child = await startEnvoy(options);
    log.info({ envoyPid: child.pid }, 'Envoy started');
    const exit = await untilGone(child, options, signals);
    if (signals.stop.aborted || signals.kill.aborted) {
      log.info(exit, 'Envoy stopped');
      return;
    }
    failures = clock.now() - startedMs > stableMs ? 1 : failures + 1;
    const delayMs = Math.round(delayAfterFailures(backOff, failures, random));
    log.error({ ...exit, failures, delayMs }, 'Envoy died and is started again');
    await clock.sleep(delayMs, signals.stop);
  }
}

function startEnvoy({ program, args, owner, onLine }: EnvoyOptions): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal reaches the agent alone, which drains first.
      detached: true,
      env: environmentOfEnvoy(process.env),
      ...(owner === undefined ? {} : owner),
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine);
    }
    child.once('spawn', () => resolve(child));
    child.on('error', (error) => {
      const message = `Envoy can't be started (${reasonOf(error)}): put it on the PATH, or name it with --envoy`;
      reject(new AgentError('envoy-not-startable', message, { cause: error }));
    });
  });
}

/** The allocator of this program is not for Envoy, which brings its own. */
function environmentOfEnvoy({
  LD_PRELOAD: _allocator,
  MALLOC_CONF: _settings,
  ...environment
}: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return environment;
}

/** Resolves when Envoy has ended, which a signal brings about in steps. */
async function untilGone(child: ChildProcess, options: EnvoyOptions, { stop, kill }: StopSignals): Promise<EnvoyExit> {
  const gone = new AbortController();
  const exit = new Promise<EnvoyExit>((resolve) => {
    child.once('exit', (code, signal) => {
      gone.abort();
      resolve({ code, signal });
    });
  });
  const killNow = (): boolean => child.kill('SIGKILL');
  const stopInSteps = (): void => void endInSteps(child, options, AbortSignal.any([gone.signal, kill]));
  // Should the agent end by a fault, its Envoy must not stay behind without certificates.
  process.once('exit', killNow);
  kill.addEventListener('abort', killNow, { once: true });
  stop.addEventListener('abort', stopInSteps, { once: true });
  if (kill.aborted) killNow();
  else if (stop.aborted) stopInSteps();
  const ended = await exit;
  process.off('exit', killNow);
  kill.removeEventListener('abort', killNow);
  stop.removeEventListener('abort', stopInSteps);
  return ended;
}

async function endInSteps(child: ChildProcess, options: EnvoyOptions, over: AbortSignal): Promise<void> {
  const { adminPort, drainMs, drainScope, clock, log } = options;
  if (drainMs > 0) {
    await startDraining(adminPort, drainScope).catch((error: unknown) =>
      log.warn(`Envoy does not drain: ${reasonOf(error)}`),
    );
    log.info({ drainMs }, 'Envoy drains');
    await clock.sleep(drainMs, over);
    if (options.drainUntilIdle) await untilIdle(options, over);
  }
  if (over.aborted) return;
  child.kill('SIGTERM');
  await clock.sleep(termMs, over);
  if (over.aborted) return;
  log.warn({ termMs }, 'Envoy did not end on SIGTERM and is killed');
  child.kill('SIGKILL');
}

async function untilIdle({ adminPort, ownPorts, clock, log }: EnvoyOptions, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const open = await openConnections(adminPort, ownPorts).catch((error: unknown) => {
      log.warn(`Envoy does not say how many connections are open: ${reasonOf(error)}`);
      return 0;
    });
    if (open === 0) return;
    log.info({ open }, 'Envoy still has connections');
    await clock.sleep(idlePollMs, over);
  }
}
