// The real kubectl, for tests that do what users do. In: a cluster and arguments. Out: what it printed.

import { resolve } from 'node:path';
import { goProgram, type GoProgram } from './go-program.ts';
import type { KubeCluster } from './kube.ts';
import { run, type RunResult } from './process.ts';

const program: GoProgram = {
  name: 'kubectl',
  directory: resolve(import.meta.dirname, '../kubectl'),
  package: '.',
  takes: 'five minutes',
  advice: 'install Go 1.26 or newer',
};

/** Its path: `.cache/kubectl`, which is built with Go when it is not there yet. */
export async function kubectlProgram(): Promise<string> {
  return await goProgram(program);
}

/** Runs it as an administrator of the cluster. Rejects unless it succeeds. */
export async function kubectl(kube: KubeCluster, args: readonly string[]): Promise<RunResult> {
  // Its cache of what the server has is beside the server's own files, not in a home directory.
  const own = ['--kubeconfig', kube.kubeconfig, '--cache-dir', kube.file('kubectl-cache')];
  const result = await run([await kubectlProgram(), ...own, ...args]);
  if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim() || result.stdout.trim()}`);
  return result;
}
