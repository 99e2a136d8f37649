// `isthmus serve` as a process of its own on loopback, with free ports. In: its clusters. Out: where it answers, and its end.

import { resolve } from 'node:path';
import { freePort } from './authority-server.ts';
import { startProcess, type RunningProcess } from './process.ts';
import { waitFor } from './wait-for.ts';

const mainFile = resolve(import.meta.dirname, '../../server/main.ts');

export interface ServeProcessOptions {
  /** `--cluster-id`, `--kubeconfig`, `--remote` and so on; ports and addresses are added. */
  readonly argv: readonly string[];
  readonly name?: string | undefined;
  /** Options of Node itself. */
  readonly nodeArgv?: readonly string[] | undefined;
  /** Beside the environment of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Serve metrics as well. */
  readonly monitoring?: boolean | undefined;
  /** Serve webhooks on this port of loopback. */
  readonly webhookPort?: number | undefined;
}

export interface ServeProcess extends AsyncDisposable {
  readonly process: RunningProcess;
  /** `127.0.0.1:PORT`. */
  readonly xds: string;
  readonly xdsTls: string;
  readonly http: string;
  /** Answers only when asked for. */
  readonly monitoring: string;
  /** The JSON that a path of the HTTP port answers with. */
  json(path: string): Promise<unknown>;
}

/** Resolves when it is ready. */
export async function startServe(options: ServeProcessOptions): Promise<ServeProcess> {
  const { argv, name = 'isthmus', nodeArgv = [] } = options;
  const ports = new Set<number>();
  while (ports.size < 4) ports.add(await freePort());
  const [xds = 0, xdsTls = 0, http = 0, free = 0] = ports;
  const monitoring = options.monitoring === true ? free : 0;
  const started = startProcess(
    [process.execPath, ...nodeArgv, mainFile, 'serve', ...argv, '--bind', '127.0.0.1', '--drain', '500ms'].concat(
      ['--xds-port', String(xds), '--xds-tls-port', String(xdsTls), '--http-port', String(http)],
      ['--monitoring-port', String(monitoring), '--webhook-port', String(options.webhookPort ?? 0)],
    ),
    { name, ...(options.env === undefined ? {} : { env: options.env }) },
  );
  const serving: ServeProcess = {
    process: started,
    xds: `127.0.0.1:${xds}`,
    xdsTls: `127.0.0.1:${xdsTls}`,
    http: `127.0.0.1:${http}`,
    monitoring: `127.0.0.1:${monitoring}`,
    json: async (path) => (await fetch(`http://127.0.0.1:${http}${path}`)).json(),
    [Symbol.asyncDispose]: async () => {
      if (started.running) await started.stop();
    },
  };
  try {
    await waitFor(
      async () => {
        if (!started.running) return 'ended';
        return (await fetch(`http://${serving.http}/ready`)).status;
      },
      (answer) => answer === 200 || answer === 'ended',
      { what: `${name} to be ready`, timeoutMs: 60_000 },
    );
    if (!started.running) throw new Error(`${name} ended: ${started.output}`);
  } catch (error) {
    await serving[Symbol.asyncDispose]();
    throw new Error(`${name} is not ready: ${started.output}`, { cause: error });
  }
  return serving;
}
