// The versions of Kubernetes that tests can run against. In: `$TEST_KUBE_VERSION`, else the newest. Out: the program that holds
// its etcd, kube-apiserver and kube-controller-manager, the same few lines of Go built against other modules.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isExecutable, pathOf, type GoProgram } from './go-program.ts';

const directory = resolve(import.meta.dirname, '../kube');

/** Of test/kube/go.mod. */
export const newestKubeVersion = '1.36';

/** Those with a folder in test/kube/versions, the oldest first. */
export function olderKubeVersions(): readonly string[] {
  const byNumber = new Intl.Collator('en', { numeric: true });
  return readdirSync(join(directory, 'versions')).toSorted((one, other) => byNumber.compare(one, other));
}

/** The version that tests run against which don't say otherwise. */
export function chosenKubeVersion(): string {
  return process.env['TEST_KUBE_VERSION'] || newestKubeVersion;
}

/** Throws when there is no such version. */
export function kubeProgram(version: string): GoProgram {
  const older = olderKubeVersions();
  if (version !== newestKubeVersion && !older.includes(version)) {
    throw new Error(`Kubernetes ${version} can't be built here: there are ${[...older, newestKubeVersion].join(', ')}`);
  }
  const isNewest = version === newestKubeVersion;
  const modFile = join(directory, isNewest ? 'go.mod' : `versions/${version}/go.mod`);
  return {
    name: isNewest ? 'testkube' : `testkube-${version}`,
    directory,
    package: '.',
    modFile,
    variables: versionVariables(modFile),
    takes: 'ten minutes',
    advice: 'install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a directory with etcd and kube-apiserver',
  };
}

/** Older servers know their own version only from whoever built them. */
function versionVariables(modFile: string): Readonly<Record<string, string>> {
  const [, full, major, minor] = /k8s\.io\/kubernetes v((\d+)\.(\d+)\.\d+)/.exec(readFileSync(modFile, 'utf8')) ?? [];
  if (full === undefined || major === undefined || minor === undefined) {
    throw new Error(`${modFile} names no version of Kubernetes`);
  }
  const place = 'k8s.io/component-base/version';
  return { [`${place}.gitVersion`]: `v${full}`, [`${place}.gitMajor`]: major, [`${place}.gitMinor`]: minor };
}

/** Besides the chosen one: older ones that were built, and those that `$KUBE_VERSIONS` asks for (`1.30,1.33`). */
export async function otherKubeVersions(): Promise<readonly string[]> {
  const asked = (process.env['KUBE_VERSIONS'] ?? '').split(',').filter((version) => version !== '');
  const wanted: string[] = [];
  for (const version of [...olderKubeVersions(), newestKubeVersion]) {
    const isBuilt = version !== newestKubeVersion && (await isExecutable(pathOf(kubeProgram(version))));
    if (asked.includes(version) || isBuilt) wanted.push(version);
  }
  const unknown = asked.find((version) => !wanted.includes(version));
  // Its error names those that there are.
  if (unknown !== undefined) kubeProgram(unknown);
  return wanted.filter((version) => version !== chosenKubeVersion());
}
